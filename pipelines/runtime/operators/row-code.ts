/**
 * Steps that follow each other as the text of one function, which is what makes them fast: V8 sees where every call goes
 * and takes the steps' own code in, where a chain of closures is too long for it. Engines call it whole-stage code
 * generation (T. Neumann, Efficiently Compiling Efficient Query Plans for Modern Hardware, VLDB 2011). Names of a plan are
 * in the text as JSON only; code, side inputs and state are its arguments.
 */
import { codeOfText } from '../../core/own-code.ts'
import type { Lambda } from '../../plan/draft.ts'
import type { FirstSeen } from '../compile-plan.ts'
import type { RowRun } from './row-run.ts'

export type Next = (row: unknown) => void

/** Steps of one function; beyond, what follows is a function of its own, for V8 leaves long ones as they are. */
export const stageMaxSteps = 64

/** Statements that take the row in a variable. */
export type RowCode = (stage: Stage, row: string) => string

export interface StepCode {
  readonly name: string
  readonly lambda: Lambda
  readonly context: Readonly<Record<string, unknown>> | null
}

/** A function in the making. */
class Stage {
  steps = 0
  readonly constants: unknown[] = []
  #variables = 0

  constructor(readonly run: RowRun) {}

  constant(value: unknown): string {
    if (value === null) return 'null'
    const known = this.constants.indexOf(value)
    return `c${known === -1 ? this.constants.push(value) - 1 : known}`
  }

  variable(): string {
    this.#variables += 1
    return `v${this.#variables}`
  }

  /** A step's code called with a row. */
  call({ lambda, context }: StepCode, row: string): string {
    return `${this.constant(lambda)}(${row}, ${this.constant(context)})`
  }
}

/** `name` says of what plan and step it is: what has one name and text shares code, and what V8 learnt of it. */
export function stage({
  run,
  name,
  code,
}: {
  readonly run: RowRun
  readonly name: string
  readonly code: RowCode
}): Next {
  const made = new Stage(run)
  const body = code(made, 'row')
  const parameters = ['run', ...made.constants.map((_, n) => `c${n}`)]
  return codeOfText(name, parameters, `'use strict';\nreturn (row) => {\n${body}}`)(run, ...made.constants) as Next
}

/** What is no row's own code: windows, sinks, the function of a union. */
export const callOf =
  (next: Next): RowCode =>
  (stage, row) =>
    `${stage.constant(next)}(${row});\n`

/** A row's times. @throws RangeError, when run: without them a row has no window, and could hold the watermark */
export const readCode =
  (times: { readonly eventTime: Lambda; readonly receivedMs: Lambda }, next: RowCode): RowCode =>
  (stage, row) => {
    const whole = stage.constant(wholeMs)
    const of = (lambda: Lambda, what: string) => {
      const found = stage.variable()
      return [
        found,
        `const ${found} = ${stage.constant(lambda)}(${row}, null);\n` +
          `if (!Number.isSafeInteger(${found})) ${whole}(${found}, ${JSON.stringify(what)});\n`,
      ] as const
    }
    const [time, readTime] = of(times.eventTime, 'event time')
    const [receivedMs, readReceived] = of(times.receivedMs, "watermark's time")
    return `${readTime}run.time = ${time};\n${readReceived}run.receivedMs = ${receivedMs};\n${next(stage, row)}`
  }

function wholeMs(found: unknown, what: string): never {
  throw new RangeError(`the ${what} is a whole number of milliseconds, not ${String(found)}`)
}

export const mapCode =
  (step: StepCode, next: RowCode): RowCode =>
  (stage, row) => {
    const made = stage.variable()
    return `${begin(stage, step)}const ${made} = ${stage.call(step, row)};\n${next(stage, made)}`
  }

export const filterCode =
  (step: StepCode, next: RowCode): RowCode =>
  (stage, row) =>
    `${begin(stage, step)}if (${stage.call(step, row)}) {\n${next(stage, row)}} else ${drop(step)}`

export const flatMapCode =
  (step: StepCode, next: RowCode): RowCode =>
  (stage, row) => {
    const [count, one] = [stage.variable(), stage.variable()]
    // What it gives may be made while it is asked for: between two rows the step runs again.
    return (
      `${begin(stage, step)}let ${count} = 0;\nfor (const ${one} of ${stage.call(step, row)}) {\n${count} += 1;\n` +
      `${next(stage, one)}run.step = ${JSON.stringify(step.name)};\n}\nif (${count} === 0) ${drop(step)}`
    )
  }

/** @throws RangeError, when run, where the step's code names no branch */
export const splitCode =
  (step: StepCode, branches: readonly (readonly [name: string, next: RowCode])[]): RowCode =>
  (stage, row) => {
    const [outcome, given] = [stage.variable(), stage.variable()]
    const name = JSON.stringify(step.name)
    const chosen = branches.map(
      ([branch, next]) => `if (${outcome}.to === ${JSON.stringify(branch)}) {\n${next(stage, given)}} else `,
    )
    return (
      `${begin(stage, step)}const ${outcome} = ${stage.call(step, row)};\n` +
      `const ${given} = ${outcome}.reason === undefined ? ${outcome}.row : ` +
      `{ step: ${name}, reason: ${outcome}.reason, row: ${outcome}.row };\n` +
      `${chosen.join('')}${stage.constant(noBranch)}(${name}, ${outcome}.to);\n`
    )
  }

function noBranch(step: string, branch: unknown): never {
  throw new RangeError(`'${step}' has no branch '${String(branch)}'`)
}

export interface DedupeCode {
  readonly name: string
  readonly state: FirstSeen
  readonly partitionKey: string
  readonly id: string
}

export const dedupeCode =
  (step: DedupeCode, next: RowCode): RowCode =>
  (stage, row) => {
    const isFirst = stage.variable()
    const column = (name: string) => `String(${row}[${JSON.stringify(name)}])`
    const key = `${column(step.partitionKey)}, ${column(step.id)}`
    return (
      `${begin(stage, step)}run.inState = true;\n` +
      `const ${isFirst} = ${stage.constant(step.state)}.firstSeen(${key}, run.receivedMs);\nrun.inState = false;\n` +
      `if (${isFirst}) {\n${next(stage, row)}} else if (run.end === 'none') run.end = 'duplicate';\n`
    )
  }

/** All of them, in order. `name`: of the function that is begun where this one is long. */
export const forkCode =
  (name: string, readers: readonly RowCode[]): RowCode =>
  (made, row) => {
    const all: RowCode = (each, of) => readers.map((reader) => reader(each, of)).join('')
    return made.steps < stageMaxSteps ? all(made, row) : callOf(stage({ run: made.run, name, code: all }))(made, row)
  }

function begin(stage: Stage, { name }: { readonly name: string }): string {
  stage.steps += 1
  return `run.step = ${JSON.stringify(name)};\n`
}

function drop({ name }: StepCode): string {
  return `run.droppedBy = ${JSON.stringify(name)};\n`
}
