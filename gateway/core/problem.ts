/**
 * An answer that refuses, as RFC 9457 describes it: thrown anywhere behind a route, written once by the plugin
 * `problem-details`. The code is stable and in `core/error-table.ts`; the detail is for a person and may change.
 */
import { errorEntry } from '../../core/error-table.ts'

export interface ProblemOptions extends ErrorOptions {
  /** Sent as `Retry-After`: the same request may pass after that many seconds. */
  readonly retryAfterSeconds?: number
}

/** Facts that go into the problem's body beside `code` and `detail`: `errors`, `allowed`, `rejected`, … */
export type ProblemFacts = Readonly<Record<string, unknown>>

export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly retryAfterSeconds: number | undefined

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly extra: ProblemFacts = {},
    options?: ProblemOptions,
  ) {
    super(detail, options)
    this.retryAfterSeconds = options?.retryAfterSeconds
  }
}

/** One thing of a request that its sender can mend, and where it stands (JSON Pointer, RFC 6901). */
export interface Fault {
  readonly pointer: string
  readonly code: string
  readonly message: string
}

/**
 * 400 with every fault found, not only the first: `bad_query`, or the code of a single fault where whole requests are
 * answered with that one (`unknown_zone`).
 */
export function faultyRequest(faults: readonly Fault[]): ProblemError {
  const [first, ...others] = faults
  if (first === undefined) throw new RangeError('a faulty request has at least one fault')
  const ownCode = others.length === 0 && errorEntry(first.code)?.kinds.includes('http')
  const code = ownCode ? first.code : 'bad_query'
  return new ProblemError(400, code, faults.map((fault) => fault.message).join('; '), { errors: faults })
}
