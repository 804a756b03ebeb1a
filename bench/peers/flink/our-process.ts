/** The process of `ours.ts`, told and asked from outside. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Told } from './ours.ts'

export interface Ours {
  readonly pid: number
  /** @throws Error where it ended; why is in its standard error */
  tell(told: Told): Promise<{ readonly rows?: readonly (readonly unknown[])[] }>
  stop(): void
}

/** `nodeOptions`: what Node itself is started with, to look at it more closely. */
export function openOurs(nodeOptions: readonly string[] = []): Ours {
  const program = fileURLToPath(new URL('./ours.js', import.meta.url))
  const child = spawn(process.execPath, [...nodeOptions, program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const stop = () => void child.kill('SIGTERM')
  process.once('exit', stop)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    pid: child.pid as number,
    async tell(told) {
      child.stdin.write(`${JSON.stringify(told)}\n`)
      const line = await lines.next()
      if (line.done === true) throw new Error('our process ended')
      return JSON.parse(line.value)
    },
    stop,
  }
}
