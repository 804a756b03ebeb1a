/**
 * `npm run bench:idle [-- --seconds 30]`: a Hitlake that has hits and nothing to do: what it writes (bytes handed to the
 * disk) and what share of one core it uses, over the seconds asked. Linux only (/proc).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { report } from './report.ts'
import { startServer, usageOf } from './server.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '30' } } })
const seconds = Number(values.seconds)
const server = await startServer({ HITLAKE_PUBLISH_EVERY: '1s' })
await fetch(`${server.url}/v1/hits`, {
  method: 'POST',
  headers: { authorization: `Bearer ${server.keys.writeKey}`, 'content-type': 'application/json' },
  body: JSON.stringify({ name: 'page_view' }),
})
// Long enough for the hit to be committed, published, and its staged file let go.
await sleep(70_000)
const before = usageOf(server.process.pid)
await sleep(seconds * 1000)
const after = usageOf(server.process.pid)
await server.stop()
server.removeData()
report({
  figures: [
    { name: 'written', value: after.writtenBytes - before.writtenBytes, unit: 'bytes', note: `in ${seconds} s` },
    {
      ...{
        name: 'share of a core',
        value: Number(((100 * (after.cpuSeconds - before.cpuSeconds)) / seconds).toPrecision(3)),
        unit: '%',
      },
      note: `in ${seconds} s, by processor time`,
    },
    { name: 'ready after the start', value: Number(server.readySeconds.toPrecision(3)), unit: 's' },
    { name: 'memory', value: Math.round(after.rssMb), unit: 'MB', note: 'RSS of the process' },
  ],
})
process.exit(0)
