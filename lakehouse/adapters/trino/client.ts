/**
 * Statements to Trino: rows or an error, cancelled when nobody wants them any more. The one place that knows trino-client.
 *
 * Its iterator is not used. It loops inside `next()` until there is data, so a statement that writes has no id to cancel
 * it by before it ends; it cannot be told to stop or to time out; it hands over Trino's errors as pages and a failed first
 * answer not at all; and its clients carry session settings from one statement to the next. So each statement has a client
 * of its own (it holds no connection), of which only the request is used, and the protocol's few lines are here
 * (trino.io/docs/476/develop/client-protocol.html): send, follow `nextUri`, and DELETE where it is left early.
 *
 * What is safe to send again: the statement until an answer to it came (Trino runs it only once its first page is asked
 * for), and each page. So a connection that breaks and a 502, 503 or 504 are tried again, for `retryForMs` at a time.
 *
 * Numbers above 2^53 arrive rounded: CAST such columns to varchar in the statement.
 */
import { type QueryError, type QueryResult, Trino as TrinoClient } from 'trino-client'
import {
  TrinoOutcomeUnknownError,
  TrinoQueryError,
  TrinoResultTooLargeError,
  TrinoUnavailableError,
} from '../../../core/errors.ts'
import { type Clock, sleep, type Timers } from '../../../core/ports/clock.ts'

/** Rows of one result; beyond it the statement is cancelled and fails. */
export const defaultTrinoMaxRows = 200_000
/** A statement may take this long where its caller says nothing. */
export const defaultTrinoTimeoutMs = 120_000
/** An unreachable Trino is tried again for this long, for every single request. */
export const defaultTrinoRetryForMs = 5_000
/** One request; Trino itself answers within a second or two, with a page that says "not yet". */
export const trinoRequestTimeoutMs = 30_000
/** Telling Trino that a statement is wanted no more. */
export const trinoCancelTimeoutMs = 5_000
/** First pause before the same request again, doubled up to the second. */
export const trinoRetryMinMs = 50
export const trinoRetryMaxMs = 1_000

export interface TrinoOptions {
  /** `http://host:port` */
  readonly url: string
  readonly user: string
  /** Names this process in Trino's list of queries. */
  readonly source: string
  readonly catalog: string
  readonly schema?: string
  readonly clock: Clock
  readonly timers: Timers
  readonly timeoutMs?: number
  readonly retryForMs?: number
  readonly maxRows?: number
}

export interface StatementOptions {
  /** Cancels the statement in Trino; its reason is what the promise rejects with. */
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  /** Session properties of this statement alone. */
  readonly session?: Readonly<Record<string, string>>
  /** Client tags, by which the statement is found among others (`system.runtime.queries` has only the source). */
  readonly tags?: readonly string[]
  /** Instead of the client's. */
  readonly source?: string
  /** What an answer that never came may have left behind. */
  readonly effect?: 'reads' | 'writes'
}

export interface Trino {
  /**
   * Runs one statement to its end and gives its rows, cells as JSON has them.
   * @throws TrinoUnavailableError where it did not run, or only reads; TrinoOutcomeUnknownError where it writes and its end
   *   was not seen; TrinoQueryError where Trino says it failed; TrinoResultTooLargeError; the signal's reason
   */
  query(sql: string, options?: StatementOptions): Promise<readonly (readonly unknown[])[]>
  /** Cancels what runs and waits until Trino was told. Queries after it are refused. */
  close(): Promise<void>
}

export function createTrino(options: TrinoOptions): Trino {
  /** Statements, and cancellations that their callers did not wait for. */
  const running = new Set<Promise<unknown>>()
  const closing = new AbortController()

  async function track<T>(work: Promise<T>): Promise<T> {
    running.add(work)
    try {
      return await work
    } finally {
      running.delete(work)
    }
  }

  return {
    async query(sql, given = {}) {
      if (closing.signal.aborted) throw new TrinoUnavailableError('closed')
      given.signal?.throwIfAborted()
      return track(runStatement(options, sql, given, { closing: closing.signal, track }))
    },

    async close() {
      closing.abort(new TrinoUnavailableError('closed'))
      while (running.size > 0) await Promise.allSettled(running)
    },
  }
}

async function runStatement(
  options: TrinoOptions,
  sql: string,
  given: StatementOptions,
  { closing, track }: { readonly closing: AbortSignal; readonly track: (work: Promise<void>) => Promise<void> },
): Promise<readonly (readonly unknown[])[]> {
  const timeoutMs = given.timeoutMs ?? options.timeoutMs ?? defaultTrinoTimeoutMs
  const timedOut = new AbortController()
  const cancelTimer = options.timers.after(timeoutMs, () => timedOut.abort())
  const leave = AbortSignal.any([timedOut.signal, closing, ...(given.signal ? [given.signal] : [])])
  const send = requester(options, given)
  const rows: (readonly unknown[])[] = []
  /** The page to ask for next; undefined before the first answer and after the last. */
  let next: string | undefined
  let begun = false
  try {
    let page = await send({ method: 'POST', url: '/v1/statement', data: sql, signal: leave })
    for (;;) {
      next = page.nextUri
      if (page.error !== undefined) {
        next = undefined
        throw failure(page.error, page.id)
      }
      for (const row of (page.data ?? []) as (readonly unknown[])[]) rows.push(row)
      const maxRows = options.maxRows ?? defaultTrinoMaxRows
      if (rows.length > maxRows) throw new TrinoResultTooLargeError(maxRows)
      if (next === undefined) return rows
      begun = true
      page = await send({ method: 'GET', url: next, signal: leave })
    }
  } catch (error) {
    // Not waited for: a Trino that hangs would hold up a caller whose time is over.
    if (next !== undefined) void track(cancel(send, next))
    given.signal?.throwIfAborted()
    const reason = timedOut.signal.aborted ? 'time limit' : closing.aborted ? 'closed' : unavailableReason(error)
    if (reason === undefined) throw error
    if (begun && given.effect === 'writes') throw new TrinoOutcomeUnknownError(reason, { cause: error })
    throw new TrinoUnavailableError(reason, { cause: error })
  } finally {
    cancelTimer()
  }
}

/** Best effort: a Trino that cannot be told drops the statement by itself, minutes after its last page was asked for. */
async function cancel(send: Send, uri: string): Promise<void> {
  try {
    await send({ method: 'DELETE', url: uri, signal: undefined })
  } catch {
    // As above.
  }
}

interface Request {
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** A page's is absolute. */
  readonly url: string
  readonly data?: string
  readonly signal: AbortSignal | undefined
}
type Send = (request: Request) => Promise<QueryResult>

/** One request, repeated while Trino is not to be reached. @throws as the library does, or the signal's reason */
function requester(options: TrinoOptions, given: StatementOptions): Send {
  const { clock, timers } = options
  const headers: Record<string, string> = {
    'X-Trino-User': options.user,
    // Instants without a zone in their text, and days cut from them, are UTC everywhere in this system.
    'X-Trino-Time-Zone': 'UTC',
  }
  if (given.tags !== undefined && given.tags.length > 0) headers['X-Trino-Client-Tags'] = given.tags.join(',')
  const session = Object.entries(given.session ?? {}).map(([name, value]) => [name, encodeURIComponent(value)])
  const library = TrinoClient.create({
    server: options.url,
    source: given.source ?? options.source,
    catalog: options.catalog,
    ...(options.schema === undefined ? {} : { schema: options.schema }),
    session: Object.fromEntries(session),
    extraHeaders: headers,
  })
  // biome-ignore lint/complexity/useLiteralKeys: its request is behind a private field; see the file's head.
  const client: LibraryClient = library['client']
  return async ({ method, url, data, signal }) => {
    const until = clock.monotonic() + (options.retryForMs ?? defaultTrinoRetryForMs)
    for (let pauseMs = trinoRetryMinMs; ; pauseMs = Math.min(trinoRetryMaxMs, pauseMs * 2)) {
      try {
        const page = await client.request({
          method,
          url,
          timeout: method === 'DELETE' ? trinoCancelTimeoutMs : trinoRequestTimeoutMs,
          maxRedirects: 0,
          ...(data === undefined ? {} : { data }),
          ...(signal === undefined ? {} : { signal }),
        })
        if (page?.error === undefined || !startStates.has(page.error.errorName)) return page
        if (clock.monotonic() >= until || method !== 'POST') return page
      } catch (error) {
        signal?.throwIfAborted()
        if (method === 'DELETE' || !isPassing(error) || clock.monotonic() >= until) throw error
      }
      await sleep(timers, pauseMs)
      signal?.throwIfAborted()
    }
  }
}

/** Of the library's client, what is used; private fields have no type. */
interface LibraryClient {
  request(config: {
    readonly method: string
    readonly url: string
    readonly data?: string
    readonly timeout: number
    readonly maxRedirects: number
    readonly signal?: AbortSignal
  }): Promise<QueryResult>
}

/** Trino's names for "nothing runs here now". */
const startStates: ReadonlySet<string> = new Set(['SERVER_STARTING_UP', 'SERVER_SHUTTING_DOWN'])

function failure(error: QueryError, id: string): Error {
  if (startStates.has(error.errorName)) return new TrinoUnavailableError('starting')
  // What Trino says of a statement it finds wrong quotes the statement, and so a merchant's values.
  const detail = error.errorType === 'USER_ERROR' ? /^line \d+:\d+/.exec(error.message)?.[0] : error.message
  return new TrinoQueryError(error.errorName, error.errorType, id, detail?.slice(0, detailMaxLength) ?? '')
}
const detailMaxLength = 500

/** The part of the library's errors that says what happened to a request. */
interface RequestError {
  readonly isAxiosError: true
  readonly code?: string
  readonly response?: { readonly status: number }
}

function isRequestError(error: unknown): error is RequestError {
  return error instanceof Error && (error as Partial<RequestError>).isAxiosError === true
}

const passingStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504])

function isPassing(error: unknown): boolean {
  if (!isRequestError(error)) return false
  return error.response === undefined || passingStatuses.has(error.response.status)
}

/** undefined: not an error of the way to Trino. */
function unavailableReason(error: unknown): TrinoUnavailableError['reason'] | undefined {
  if (!isRequestError(error)) return undefined
  if (error.response === undefined) return 'connection'
  // Trino forgot the statement: it was restarted.
  return error.response.status === 404 || error.response.status === 410 ? 'restarted' : 'status'
}
