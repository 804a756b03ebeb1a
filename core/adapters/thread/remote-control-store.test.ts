import { MessageChannel } from 'node:worker_threads'
import { afterAll } from 'vitest'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { controlStoreContract } from '../../ports/control-store.contract.ts'
import { createCaller, serve } from './remote.ts'
import { remoteControlStore, serveControlStore } from './remote-control-store.ts'

const channels: MessageChannel[] = []
afterAll(() => {
  for (const { port1 } of channels) port1.close()
})

// Whatever holds of a store here must hold of one behind a message channel.
controlStoreContract('a control store of another thread', {
  async open(options) {
    const channel = new MessageChannel()
    channels.push(channel)
    serve(channel.port1, { store: serveControlStore(createMemoryControlStore(options)) })
    return remoteControlStore(createCaller(channel.port2), 'store')
  },
})
