/**
 * Puts k6 on this machine by `go install` from the Go module proxy, where the other servers lie. It appears in a folder
 * named by its version, whole or not at all; what is there is not built again, and several processes may ask at once.
 * As a command, `node infra/local/k6/install.mjs`, it prints the path of the binary.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installByGo, installLimitMs, serversFolder } from '../cluster/install.mjs'

/** The last of the first major version: the module path of the second does not resolve at the proxy. */
export const k6Version = 'v1.8.0'
/** How long the first installation may take: it compiles for two minutes where nothing else does. */
export const k6InstallLimitMs = installLimitMs

/**
 * @param {{ cache?: string }} [options] the folder whose `installed/` takes it
 * @returns {Promise<string>} the path of the binary
 * @throws {Error} naming what is missing on this machine, or what Go said
 */
export async function installK6({ cache = serversFolder() } = {}) {
  const folder = join(cache, 'installed')
  mkdirSync(folder, { recursive: true })
  return join(await installByGo(folder, `k6-${k6Version}`, `go.k6.io/k6@${k6Version}`), 'k6')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await installK6())
