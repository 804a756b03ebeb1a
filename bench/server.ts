/** A whole Hitlake of its own for a benchmark: the built command in a child process, over a fresh folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface BenchServer {
  readonly url: string
  readonly dataDir: string
  readonly process: ChildProcess
  readonly keys: { readonly adminKey: string; readonly writeKey: string; readonly readKey: string }
  /** When the process was started, by `performance.now`. */
  readonly beganAt: number
  /** From the start of the process to its greeting. */
  readonly readySeconds: number
  /** A clean stop; resolves with the exit code. */
  stop(): Promise<number | null>
  removeData(): void
}

/** However this process ends, no server outlives it. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

/** `dataDir`: of a server that has stopped; without it the new one begins with an empty folder. */
export async function startServer(
  env: Readonly<Record<string, string>> = {},
  dataDir = mkdtempSync(join(tmpdir(), 'hitlake-bench-')),
): Promise<BenchServer> {
  const command = fileURLToPath(new URL('../cli/bin/hitlake.cjs', import.meta.url))
  const beganAt = performance.now()
  const child = spawn(process.execPath, [command, 'start'], {
    env: { ...process.env, HITLAKE_PORT: '0', HITLAKE_DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      running.delete(child)
      resolve(code)
    })
  })
  const url = await new Promise<string>((resolve, reject) => {
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
      const match = /http:\/\/127\.0\.0\.1:\d+/.exec(out)
      if (match) resolve(match[0])
    })
    ended.then((code) => reject(new Error(`the server ended with ${code} before it was ready`)))
  })
  return {
    url,
    dataDir,
    process: child,
    keys: JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')),
    beganAt,
    readySeconds: (performance.now() - beganAt) / 1000,
    stop() {
      child.kill('SIGINT')
      return ended
    },
    removeData: () => rmSync(dataDir, { recursive: true, force: true }),
  }
}

/** Resident memory and CPU time of a process, from /proc (Linux). */
export function usageOf(pid: number | undefined): { rssMb: number; cpuSeconds: number; writtenBytes: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const io = readFileSync(`/proc/${pid}/io`, 'utf8')
  return {
    rssMb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
    cpuSeconds: (Number(stat[13]) + Number(stat[14])) / 100,
    writtenBytes: Number(/^write_bytes: (\d+)/m.exec(io)?.[1]),
  }
}
