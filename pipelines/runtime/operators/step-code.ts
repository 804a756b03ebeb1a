/**
 * What each kind of step does with a row, as makers of closures. Each step gets a copy with code of its own (`ownCode`), so
 * that V8 sees where its calls go; so they name nothing but their arguments.
 */
import { ownCode } from '../../core/own-code.ts'
import type { Lambda } from '../../plan/draft.ts'
import type { RowRun } from './row-run.ts'

export type Next = (row: unknown) => void

export interface StepCode {
  readonly run: RowRun
  readonly name: string
  /** Of plan and step: what has one name shares code. */
  readonly code: string
  readonly lambda: Lambda
  readonly context: Readonly<Record<string, unknown>> | null
}

const mapping =
  ({ run, name, lambda, context }: StepCode, next: Next): Next =>
  (row) => {
    run.step = name
    next(lambda(row, context))
  }

const filtering =
  ({ run, name, lambda, context }: StepCode, next: Next): Next =>
  (row) => {
    run.step = name
    if (lambda(row, context)) next(row)
    else run.droppedBy = name
  }

const flatMapping =
  ({ run, name, lambda, context }: StepCode, next: Next): Next =>
  (row) => {
    run.step = name
    let made = 0
    for (const one of lambda(row, context) as Iterable<unknown>) {
      made += 1
      next(one)
      run.step = name
    }
    if (made === 0) run.droppedBy = name
  }

interface Outcome {
  readonly to: string
  readonly row: unknown
  readonly reason?: string
}

const splitting =
  ({ run, name, lambda, context }: StepCode, branches: ReadonlyMap<string, Next>): Next =>
  (row) => {
    run.step = name
    const outcome = lambda(row, context) as Outcome
    const next = branches.get(outcome.to)
    if (next === undefined) throw new RangeError(`'${name}' has no branch '${outcome.to}'`)
    if (outcome.reason === undefined) next(outcome.row)
    else next({ step: name, reason: outcome.reason, row: outcome.row })
  }

/** Most have two, and mostly rows go to the first. */
const splittingInTwo =
  (
    { run, name, lambda, context }: StepCode,
    [first, second]: readonly [string, string],
    toFirst: Next,
    toSecond: Next,
  ): Next =>
  (row) => {
    run.step = name
    const outcome = lambda(row, context) as Outcome
    const { to, reason } = outcome
    if (to !== first && to !== second) throw new RangeError(`'${name}' has no branch '${to}'`)
    const given = reason === undefined ? outcome.row : { step: name, reason, row: outcome.row }
    if (to === first) toFirst(given)
    else toSecond(given)
  }

const both =
  (first: Next, second: Next): Next =>
  (row) => {
    first(row)
    second(row)
  }

export const mapCode = (code: StepCode, next: Next): Next => ownCode(mapping, code.code)(code, next)
export const filterCode = (code: StepCode, next: Next): Next => ownCode(filtering, code.code)(code, next)
export const flatMapCode = (code: StepCode, next: Next): Next => ownCode(flatMapping, code.code)(code, next)

/** @throws RangeError, when run, where the lambda names no branch */
export function splitCode(code: StepCode, branches: ReadonlyMap<string, Next>): Next {
  const [first, second, more] = [...branches]
  if (first === undefined || second === undefined || more !== undefined)
    return ownCode(splitting, code.code)(code, branches)
  return ownCode(splittingInTwo, code.code)(code, [first[0], second[0]], first[1], second[1])
}

/** All of them, in order. */
export function forkCode(code: string, readers: readonly Next[]): Next {
  const [first, ...others] = readers
  if (first === undefined) return () => {}
  return others.length === 0 ? first : ownCode(both, `${code}/${others.length}`)(first, forkCode(code, others))
}
