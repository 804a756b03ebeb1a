/** What commands write to: lines for a person or a pipe, progress and complaints beside them on standard error. */
import type { ProgressOutput } from './progress.ts'

export interface Terminal {
  /** A line of the result. */
  out(line: string): void
  readonly progress: ProgressOutput
  /** The result is read by a person on a screen. */
  readonly isTerminal: boolean
  readonly width: number
}

export const processTerminal: Terminal = {
  out: (line) => void process.stdout.write(`${line}\n`),
  progress: {
    write: (text) => void process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true,
    get width() {
      return process.stderr.columns ?? 120
    },
  },
  isTerminal: process.stdout.isTTY === true,
  get width() {
    return process.stdout.columns ?? 100
  },
}
