/**
 * `hitlake doctor`: looks at everything an operator would, and says for each finding how to mend it. Looks only: it starts
 * no server and changes nothing.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { ConfigError, parseConfig } from '../../core/config/parse-config.ts'
import type { SharedConfig } from '../../core/config/shared.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { tableNames } from '../../schemas/tables.ts'
import { type Api, createApi } from '../client/api.ts'
import { adminKeyOf, findServer, urlOf } from '../client/connect.ts'
import { keysFileName } from '../first-start.ts'

export interface Finding {
  /** What was looked at: `node`, `config`, `port`, … */
  readonly part: string
  /** `broken`: something must be done; `note`: worth knowing. */
  readonly state: 'good' | 'note' | 'broken'
  readonly says: string
  /** What to do; absent where it is good. */
  readonly mend?: string
}

const oldestNode = [20, 19] as const
/** Less free space than this is worth a word. */
export const lowDiskBytes = 2 * 1_024 ** 3
/** A server's clock may differ from this machine's by so much. */
export const clockToleranceMs = 5_000

const good = (part: string, says: string): Finding => ({ part, state: 'good', says })
const note = (part: string, says: string, mend: string): Finding => ({ part, state: 'note', says, mend })
const broken = (part: string, says: string, mend: string): Finding => ({ part, state: 'broken', says, mend })

/** Everything that was looked at, in the order of a reader's questions. Never throws for what it looks at. */
export async function examine(parts: {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly nodeVersion: string
  readonly clock: Pick<Clock, 'now'>
}): Promise<readonly Finding[]> {
  const { env, nodeVersion, clock } = parts
  const findings: Finding[] = [nodeFinding(nodeVersion)]
  let config: SharedConfig
  try {
    config = parseConfig(env)
    findings.push(good('config', 'every HITLAKE_ variable is understood'))
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems : [String(error)]
    return [...findings, ...problems.map((each) => broken('config', each, 'mend it; docs/reference/config.md has all'))]
  }
  findings.push(...(await folderFindings(config)))
  const url = urlOf(env, config)
  const found = await findServer(url)
  if (!found) {
    findings.push(await portFinding(config, url))
    return findings
  }
  findings.push(good('server', `answers at ${url}`), ...(await readyFindings(url, clock)))
  const adminKey = adminKeyOf(config)
  if (adminKey === undefined) {
    const mend = `set HITLAKE_ADMIN_KEY, or HITLAKE_DATA_DIR to the folder that holds its ${keysFileName}`
    return [...findings, broken('keys', 'there is no admin key to ask the server with', mend)]
  }
  const api = createApi({ url, adminKey })
  try {
    findings.push(...(await tableFindings(api)), await booksFinding(api, clock))
  } catch (error) {
    const says = error instanceof Error ? error.message : String(error)
    findings.push(broken('server', says, 'mend it and run hitlake doctor again'))
  }
  return findings
}

function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
  const [oldMajor, oldMinor] = oldestNode
  const isOld = major < oldMajor || (major === oldMajor && minor < oldMinor)
  return isOld
    ? broken('node', `Node ${version}`, `install Node ${oldMajor}.${oldMinor} or newer`)
    : good('node', `Node ${version}`)
}

async function folderFindings(config: SharedConfig): Promise<Finding[]> {
  const folder = resolve(config.dataDir)
  let there = folder
  while (!existsSync(there)) there = dirname(there)
  try {
    accessSync(there, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return [broken('data', `${there} cannot be written`, 'give this user the folder, or set HITLAKE_DATA_DIR')]
  }
  const findings = [
    there === folder
      ? good('data', `${folder} is there and can be written`)
      : note('data', `${folder} is not there yet`, 'hitlake start makes it'),
  ]
  const keys = join(folder, keysFileName)
  if (existsSync(keys) && (statSync(keys).mode & 0o077) !== 0) {
    findings.push(broken('keys', `${keys} can be read by others`, `chmod 600 ${keys}`))
  }
  const { bavail, blocks, bsize } = await statfs(there)
  const free = bavail * bsize
  const used = 1 - bavail / blocks
  const text = `${(free / 1_024 ** 3).toFixed(1)} GB free, ${(used * 100).toFixed(0)} % used`
  if (used > config.diskMaxShare) {
    const mend = 'free some space; until then POST /v1/hits answers 503 (HITLAKE_DISK_MAX_PERCENT)'
    findings.push(broken('disk', text, mend))
  } else if (free < lowDiskBytes) findings.push(note('disk', text, 'free some space before it fills'))
  else findings.push(good('disk', text))
  return findings
}

/** Nothing answers: either nothing runs, or the port is somebody else's. */
function portFinding({ host, port }: SharedConfig, url: string): Promise<Finding> {
  return new Promise((done) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) =>
      done(
        error.code === 'EADDRINUSE'
          ? broken('port', `${host}:${port} is taken by something that is no Hitlake`, 'set HITLAKE_PORT to a free one')
          : broken('port', `${host}:${port}: ${error.message}`, 'set HITLAKE_HOST and HITLAKE_PORT'),
      ),
    )
    probe.listen(port, host, () =>
      probe.close(() => done(note('server', `nothing answers at ${url}; the port is free`, 'start it: hitlake start'))),
    )
  })
}

async function readyFindings(url: string, clock: Pick<Clock, 'now'>): Promise<Finding[]> {
  const before = clock.now()
  const reply = await fetch(`${url}/readyz`)
  const body = (await reply.json().catch(() => ({}))) as { readonly parts?: Readonly<Record<string, string>> }
  const parts = Object.entries(body.parts ?? {})
  const ready =
    reply.status === 200
      ? good('server', 'is ready')
      : broken('server', `is not ready: ${parts.map(([name, why]) => `${name}: ${why}`).join('; ')}`, 'see its log')
  const date = Date.parse(reply.headers.get('date') ?? '')
  if (Number.isNaN(date)) return [ready]
  // The header has whole seconds.
  const off = Math.max(0, Math.abs(date + 500 - (before + clock.now()) / 2) - 500)
  const clocks =
    off > clockToleranceMs
      ? broken('clock', `the server's differs from this machine's by ${Math.round(off / 1_000)} s`, 'set both by NTP')
      : good('clock', "agrees with the server's")
  return [ready, clocks]
}

async function tableFindings(api: Api): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const table of tableNames) {
    const reply = await api.get(`/v1/admin/tables/${table}/snapshots`)
    const snapshots = reply.body as readonly { readonly rows: number }[]
    if (reply.status !== 200) {
      findings.push(broken(table, `its snapshots cannot be read (${reply.status})`, "see the server's log"))
    } else {
      const rows = (snapshots[0]?.rows ?? 0).toLocaleString('en')
      findings.push(good(table, `${rows} rows in the newest of ${snapshots.length} snapshots`))
    }
  }
  return findings
}

async function booksFinding(api: Api, clock: Pick<Clock, 'now'>): Promise<Finding> {
  const from = new Date(clock.now() - 24 * 3_600_000).toISOString()
  const reply = await api.get(`/v1/admin/books?from=${from}`)
  if (reply.status !== 200) return broken('books', `cannot be read (${reply.status})`, "see the server's log")
  const { accepted, stored, duplicates, failed, inFlight, balanced } = reply.body as Readonly<
    Record<string, number>
  > & {
    readonly balanced: boolean
  }
  const says = `${accepted} accepted = ${stored} stored + ${duplicates} repeats + ${failed} failed + ${inFlight} on their way, in 24 h`
  return balanced
    ? good('books', says)
    : broken('books', `do not balance: ${says}`, 'hits are missing or doubled: keep the data folder and report it')
}
