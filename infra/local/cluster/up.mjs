/**
 * `node infra/local/cluster/up.mjs [--print-env]`: installs and starts Kafka, PostgreSQL, S3 and Trino on loopback and
 * leaves them running until `down.mjs`. What runs already stays as it is. With `--print-env` nothing but lines for
 * a shell: `eval "$(node infra/local/cluster/up.mjs --print-env)"`.
 */
import { join } from 'node:path'
import { serversFolder } from './install.mjs'
import { allServers, runningServers, startServers } from './servers.mjs'

const folder = join(serversFolder(), 'run')
const printEnvOnly = process.argv.includes('--print-env')
const before = runningServers({ folder })?.running ?? []
const missing = allServers.filter((name) => !before.includes(name))

if (!printEnvOnly) {
  if (missing.length === 0) console.log('The servers run already.')
  else console.log(`Starting ${missing.join(', ')} (the first time this fetches about 1 GB)`)
}

try {
  const servers = await startServers({ folder, lifetime: 'machine' })
  const exports = Object.entries(servers.env).map(([name, value]) => `export ${name}='${value}'`)
  if (printEnvOnly) console.log(exports.join('\n'))
  else {
    for (const name of allServers) {
      const { port, pid, log } = servers[name]
      console.log(`${name.padEnd(8)} 127.0.0.1:${port}  pid ${String(pid).padEnd(7)} ${log}`)
    }
    console.log(`\n${exports.join('\n')}\n\nStop them with: node infra/local/cluster/down.mjs`)
  }
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
