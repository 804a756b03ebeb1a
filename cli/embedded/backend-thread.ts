/** The backend's thread: answers the HTTP thread, and nothing else. The parts are joined in `backend.ts`. */
import { parentPort } from 'node:worker_threads'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import { createCaller, serve } from '../../core/adapters/thread/remote.ts'
import { serveControlStore } from '../../core/adapters/thread/remote-control-store.ts'
import { type Backend, openBackend } from './backend.ts'
import type { BackendCalls, HostCalls } from './backend-protocol.ts'

if (!parentPort) throw new Error('this module runs in a worker thread')
const port = parentPort

const host = createCaller(port).remote<HostCalls>('host')
let backend: Backend | undefined

function opened(): Backend {
  if (!backend) throw new Error('the backend is not open')
  return backend
}

const calls: BackendCalls = {
  async open(config, dataDir) {
    backend = await openBackend({
      config,
      dataDir,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      host,
    })
    // The stand-ins of the other thread may call from the moment `open` is answered.
    Object.assign(targets, {
      store: serveControlStore(backend.store),
      engine: backend.engine,
      lake: backend.lake,
      reruns: backend.reruns,
    })
  },
  startJob: (id, durable) => opened().startJob(id, durable),
  durable: async (offset) => opened().durable(offset),
  drain: () => opened().drain(),
  close: () => opened().close(),
}
const targets: Record<string, object> = { backend: calls }
serve(port, targets)
