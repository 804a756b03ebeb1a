/**
 * Runs targets in a process of their own. An input that holds it, or kills it, is a finding like others: the process is
 * ended, and another goes on with the targets that are left.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Finding } from './finding.ts'
import type { TargetRun } from './run-target.ts'
import { currentInput, type Order, type Told } from './watched.ts'

/** A process that is at the same input for so long hangs. Far beyond what a busy machine makes of the CPU limit. */
export const hangMs = 60_000
/** Until its first input: hundreds of files are compiled, slowly where the machine is busy. */
export const startMaxMs = 300_000
/** Of the process that fuzzes: an input that takes more is a finding. */
export const heapMaxMegabytes = 1_500

const runner = fileURLToPath(new URL('../test/run-typescript.mjs', import.meta.url))
const program = fileURLToPath(new URL('./watched-process.ts', import.meta.url))

/** `said` hears of each target as it ends. */
export async function runWatched(
  order: Omit<Order, 'currentFile' | 'all'>,
  said: (run: TargetRun) => void,
): Promise<readonly TargetRun[]> {
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-fuzz-'))
  const currentFile = join(folder, 'current')
  const runs: TargetRun[] = []
  try {
    while (runs.length < order.targets.length) {
      const left = order.targets.slice(runs.length)
      const ended = await oneProcess({ ...order, all: order.targets, targets: left, currentFile }, (run) => {
        runs.push(run)
        said(run)
      })
      if (ended !== undefined && runs.length < order.targets.length) {
        const run = lostRun(order.targets[runs.length] as string, currentFile, ended)
        runs.push(run)
        said(run)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return runs
}

/** Resolves when the process has ended: with what ended it, where it did not end by itself. */
function oneProcess(order: Order, onRun: (run: TargetRun) => void): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = fork(program, [JSON.stringify(order)], {
      execPath: process.execPath,
      execArgv: [`--max-old-space-size=${heapMaxMegabytes}`, runner],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    let errors = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-4_000)
    })
    let seen = -1
    let since = Date.now()
    let hangs = false
    const timer = setInterval(() => {
      const number = numberIn(order.currentFile)
      if (number !== seen) {
        seen = number
        since = Date.now()
      } else if (Date.now() - since > (seen < 0 ? startMaxMs : hangMs)) {
        hangs = true
        child.kill('SIGKILL')
      }
    }, 1_000)
    child.on('message', (told: Told) => {
      if (told.kind !== 'run') return
      since = Date.now()
      const { run, inputs } = told
      const findings = run.findings.map((each, i) => ({ ...each, input: Buffer.from(inputs[i] ?? '', 'base64') }))
      onRun({ ...run, findings })
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      clearInterval(timer)
      if (code === 0) resolve(undefined)
      else resolve(hangs ? `it was at one input for ${hangMs / 1_000} s` : `it ended with ${signal ?? code}: ${errors}`)
    })
  })
}

function numberIn(file: string): number {
  try {
    return currentInput(file)?.number ?? -1
  } catch {
    return -1
  }
}

function lostRun(target: string, currentFile: string, what: string): TargetRun {
  const at = numberIn(currentFile) < 0 ? undefined : currentInput(currentFile)
  if (at === undefined) throw new Error(`the process that fuzzes did not come to its first input of ${target}: ${what}`)
  const finding: Finding = {
    target,
    number: at.number,
    signature: `the process: ${what.slice(0, 60)}`,
    message: what,
    input: at.input,
  }
  return { target, inputs: at.number + 1, accepted: 0, refused: 0, findings: [finding], failing: 1 }
}
