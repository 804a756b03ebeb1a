/** What is wrong with a question: every fault with its pointer, refused as one problem. */
import { errorEntry } from '../../../core/error-table.ts'
import { type Fault, ProblemError } from '../problem.ts'

/** `allowed`: the names there are, where a name is unknown. */
export interface QueryFault extends Fault {
  readonly allowed?: readonly string[]
}

/** Faults reported of one question; whoever sends more learns of the rest when these are mended. */
export const maxFaults = 20

/**
 * 400 with every fault found: with the code of the faults where they share one, else `bad_query`. `allowed` stands beside
 * the code where all faults share it.
 */
export function refusal(faults: readonly QueryFault[]): ProblemError {
  const told = faults.slice(0, maxFaults)
  const [first] = told
  if (first === undefined) throw new RangeError('a refusal has at least one fault')
  const shared = told.every(({ code }) => code === first.code) && errorEntry(first.code)?.kinds.includes('http')
  const errors = told.map(({ pointer, code, message }) => ({ pointer, code, message }))
  return new ProblemError(400, shared ? first.code : 'bad_query', told.map(({ message }) => message).join('; '), {
    errors,
    ...(shared && first.allowed ? { allowed: first.allowed } : {}),
  })
}

export function bad(pointer: string, message: string): QueryFault {
  return { pointer, code: 'bad_query', message }
}

/** Text of a caller as it may stand in a message: short, quoted, nothing in it acts. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text)
}

/** One step further down: RFC 6901. */
export function pointerTo(pointer: string, step: string | number): string {
  return `${pointer}/${String(step).replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 64)}`
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
