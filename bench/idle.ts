/**
 * `npm run bench:idle [-- --seconds 30]`: a Hitlake that has hits and nothing to do: what it writes (bytes handed to the
 * disk) and what share of one core it uses, over the seconds asked. Linux only (/proc).
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '30' } } })
const seconds = Number(values.seconds)
const dataDir = mkdtempSync(join(tmpdir(), 'hitlake-idle-'))
const command = fileURLToPath(new URL('../cli/bin/hitlake.cjs', import.meta.url))
const beganAt = performance.now()
const server = spawn(process.execPath, [command, 'start'], {
  env: { ...process.env, HITLAKE_PORT: '0', HITLAKE_DATA_DIR: dataDir, HITLAKE_PUBLISH_EVERY: '1s' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const url = await new Promise<string>((resolve) => {
  let out = ''
  server.stdout.on('data', (chunk) => {
    out += chunk
    const match = /http:\/\/127\.0\.0\.1:\d+/.exec(out)
    if (match) resolve(match[0])
  })
})
const readySeconds = (performance.now() - beganAt) / 1000
const { writeKey } = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8'))
await fetch(`${url}/v1/hits`, {
  method: 'POST',
  headers: { authorization: `Bearer ${writeKey}`, 'content-type': 'application/json' },
  body: JSON.stringify({ name: 'page_view' }),
})
// Long enough for the hit to be committed, published, and its staged file let go.
await new Promise((resolve) => setTimeout(resolve, 70_000))
const before = usage()
await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
const after = usage()
console.log(
  JSON.stringify({
    at: new Date().toISOString(),
    readySeconds,
    seconds,
    writtenBytes: after.written - before.written,
    coreShare: (after.cpuSeconds - before.cpuSeconds) / seconds,
    rssMb: after.rssMb,
  }),
)
const ended = new Promise((resolve) => server.on('close', resolve))
server.kill('SIGINT')
await ended
rmSync(dataDir, { recursive: true, force: true })
process.exit(0)

function usage(): { written: number; cpuSeconds: number; rssMb: number } {
  const stat = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(' ')
  const io = readFileSync(`/proc/${server.pid}/io`, 'utf8')
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  return {
    written: Number(/^write_bytes: (\d+)/m.exec(io)?.[1]),
    cpuSeconds: (Number(stat[13]) + Number(stat[14])) / 100,
    rssMb: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024),
  }
}
