/**
 * Where seeds are run: in this process, or in processes beside it, so that a batch uses all cores. A run is the same in
 * either: it depends on its choices alone.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { PlanChoices } from './plan.ts'
import { type RunResult, runSeed } from './run-seed.ts'

export interface Lane {
  /** One at a time. `shown`: so many of the last choices are told. @throws Error where the process ended */
  run(choices: PlanChoices, shown: number | undefined): Promise<RunResult>
  close(): void
}

export const laneHere: Lane = { run: (choices, shown) => runSeed(choices, {}, shown), close: () => undefined }

interface Question {
  readonly choices: PlanChoices
  /** Undefined: as many as are shown commonly. */
  readonly shown: number | undefined
}

const runner = fileURLToPath(new URL('../test/run-typescript.mjs', import.meta.url))
const laneFile = fileURLToPath(new URL('./lane-process.ts', import.meta.url))

/** Runs of one process: each leaves memory that is not taken back, above all what WebAssembly reserves, some 1.5 MB. */
export const laneRunsMax = 300

/** A process that runs what a lane sends it. */
export const openProcess = () => fork(runner, [laneFile], { serialization: 'advanced' })

/** `runsMax`: after so many runs the next ones are another process's. */
export function laneBeside(runsMax = laneRunsMax, open: () => ChildProcess = openProcess): Lane {
  let child = open()
  let runs = 0
  return {
    run: (choices, shown) =>
      new Promise((resolve, reject) => {
        if (runs++ === runsMax) {
          child.disconnect()
          child = open()
          runs = 1
        }
        const asked = child
        const ended = (code: number | null) =>
          reject(new Error(`a process that runs seed ${choices.seed} ended: ${code}`))
        asked.once('exit', ended)
        asked.once('message', (result) => {
          asked.off('exit', ended)
          resolve(result as RunResult)
        })
        asked.send({ choices, shown } satisfies Question)
      }),
    close: () => void child.disconnect(),
  }
}

/** In the process beside: answers until whoever asks is gone. */
export function serveLane(): void {
  // Sent to all processes of a group: whoever asks says when it is over.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
  process.on('message', ({ choices, shown }: Question) => {
    void laneHere.run(choices, shown).then((result) => process.send?.(result))
  })
}
