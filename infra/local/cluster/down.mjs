/** `node infra/local/cluster/down.mjs`: stops what `up.mjs` started and still runs. Data, ports and keys stay. */
import { join } from 'node:path'
import { serversFolder } from './install.mjs'
import { stopServers } from './servers.mjs'

const folder = join(serversFolder(), 'run')
try {
  const stopped = await stopServers({ folder })
  console.log(stopped.length > 0 ? `Stopped ${stopped.join(', ')}. Their data stays in ${folder}` : 'Nothing runs.')
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
