/**
 * A real Hitlake of its own for a test: the built command in a child process, on a free port of loopback, over a folder
 * that outlives kills. Ends only the processes it started.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const command = fileURLToPath(new URL('../../../dist/cli/bin/hitlake.cjs', import.meta.url))

export interface Keys {
  readonly adminKey: string
  readonly merchant: string
  readonly writeKey: string
  readonly readKey: string
}

export interface Reply<T = unknown> {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: T
}

export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** One life of the server: from a start to its end. */
export interface Life {
  readonly url: string
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  /** Sends the signal at once and resolves when the process is gone. */
  end(signal: 'SIGKILL' | 'SIGINT' | 'SIGTERM'): Promise<Ended>
  /** The signal alone, now: for a kill within a millisecond of an answer. */
  kill(): void
  readonly ended: Promise<Ended>
}

/** Runs `hitlake start` over `dataDir` until it ends by itself; for starts that must fail. */
export async function startAndEnd(dataDir: string, env: Record<string, string> = {}): Promise<Ended> {
  return collect(launch(dataDir, env)).ended
}

/** Starts `hitlake start` over `dataDir` and waits until it answers. */
export async function start(dataDir: string, env: Record<string, string> = {}): Promise<Life> {
  const child = launch(dataDir, env)
  const { ended, stdout, stderr } = collect(child)
  const url = await new Promise<string>((resolve, reject) => {
    const look = () => {
      const match = /https?:\/\/127\.0\.0\.1:\d+/.exec(stdout())
      if (match) resolve(match[0])
    }
    child.stdout?.on('data', look)
    ended.then(({ code }) => reject(new Error(`ended with ${code} before it was ready: ${stderr()}${stdout()}`)))
  })
  return {
    url,
    pid: child.pid as number,
    stdout,
    stderr,
    kill: () => void child.kill('SIGKILL'),
    end(signal) {
      child.kill(signal)
      return ended
    },
    ended,
  }
}

/** Any other command of `hitlake`, with this environment and no other of ours. */
export function runCommand(args: readonly string[], env: Record<string, string>): Pick<Life, 'kill' | 'ended'> {
  const child = spawn(process.execPath, [command, ...args], {
    env: { ...withoutOurs(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { kill: () => void child.kill('SIGKILL'), ended: collect(child).ended }
}

function withoutOurs(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HITLAKE_')))
}

function launch(dataDir: string, env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [command, 'start'], {
    env: { ...withoutOurs(), HITLAKE_PORT: '0', HITLAKE_DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function collect(child: ChildProcess) {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { ended, stdout: () => stdout, stderr: () => stderr }
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'hitlake-test-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export function readKeys(dataDir: string): Keys {
  const file = join(dataDir, 'keys.json')
  if (!existsSync(file)) throw new Error(`no ${file}`)
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** One HTTP request; JSON in, JSON out where it is JSON. Fails where the connection does. */
export function call<T = unknown>(
  url: string,
  options: {
    readonly method?: string
    readonly key?: string
    readonly body?: unknown
    readonly headers?: Readonly<Record<string, string>>
    readonly agent?: Agent
  } = {},
): Promise<Reply<T>> {
  const { method = options.body === undefined ? 'GET' : 'POST', key, body, headers = {}, agent } = options
  const payload =
    body === undefined
      ? undefined
      : typeof body === 'string' || body instanceof Uint8Array
        ? body
        : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method,
        ...(agent && { agent }),
        headers: {
          ...(payload !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(payload),
          }),
          ...(key && { authorization: `Bearer ${key}` }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const isJson = /json/.test(String(response.headers['content-type']))
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: (isJson ? JSON.parse(text) : text) as T,
          })
        })
      },
    )
    sent.on('error', reject)
    sent.end(payload)
  })
}

/** Asks until `until` holds of the answer. */
export async function eventually<T>(
  ask: () => Promise<T>,
  until: (value: T) => boolean,
  withinMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const value = await ask()
    if (until(value)) return value
    if (Date.now() > deadline)
      throw new Error(`not within ${withinMs} ms; last: ${JSON.stringify(value).slice(0, 2_000)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
