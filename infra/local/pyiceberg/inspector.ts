/** PyIceberg in a process of its own, asked by tests (`infra/local/pyiceberg/setup.sh` installs it). */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

/** There where `setup.sh` has run. */
export const python = resolve(import.meta.dirname, '../../../.venv/bin/python')

/** What a script of this folder answers; one question after the other. */
export interface Inspector {
  /** @throws Error where the script ended; why is in its standard error */
  ask<T>(...question: readonly (string | object)[]): Promise<T>
  close(): void
}

/** @throws Error where PyIceberg is not installed */
export function installedPython(): string {
  if (!existsSync(python)) throw new Error('run infra/local/pyiceberg/setup.sh first: .venv/bin/python is missing')
  return python
}

/** @throws Error where PyIceberg is not installed */
export function openInspector(script: 'inspect_table.py' | 'inspect_history.py'): Inspector {
  const child = spawn(installedPython(), [join(import.meta.dirname, script)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async ask(...question) {
      child.stdin.write(`${JSON.stringify(question)}\n`)
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`${script} ended`)
      return JSON.parse(value)
    },
    close: () => child.stdin.end(),
  }
}
