/** Questions of commands to whoever sits there. */
import { createInterface } from 'node:readline/promises'

/** True for yes; asked on standard error, so that results can be piped on. */
export async function ask(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())
  } finally {
    lines.close()
  }
}
