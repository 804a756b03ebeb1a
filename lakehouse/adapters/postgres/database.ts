/**
 * PostgreSQL as the control store uses it: transactions on connections of a pool, and errors that say what is certain.
 *
 * A connection that breaks before COMMIT was sent, a server that stops, a deadlock, a statement that takes too long: the
 * transaction is gone and the call fails with `ControlStoreUnavailableError`. A connection that breaks while COMMIT of a
 * write is under way: `ControlStoreOutcomeUnknownError`. A read is repeated where its connection was broken, as often as
 * the pool has connections, for after a restart of the server all of them are. The pool connects anew by itself.
 */
import pg from 'pg'
import { ControlStoreOutcomeUnknownError, ControlStoreUnavailableError } from '../../../core/errors.ts'
import { ConnectionBrokenError, isTransient, reasonOf } from './database-errors.ts'

export interface DatabaseOptions {
  readonly url: string
  /** Connections at most. */
  readonly poolSize?: number
  /** A statement that takes longer is cancelled. */
  readonly statementTimeoutMs?: number
  /** Waiting for a connection, ms: for a free one of the pool, or for the server. */
  readonly connectTimeoutMs?: number
  /**
   * A transaction in which its process stands still (stopped, or cut off) is ended by the server after this time: it may
   * hold the row by which commits are numbered, and everybody waits for that.
   */
  readonly idleInTransactionMs?: number
  /** Calls that may wait for a connection; a caller beyond it is refused. */
  readonly maxWaitingCalls?: number
}

export const defaultPoolSize = 5
export const defaultStatementTimeoutMs = 30_000
export const defaultConnectTimeoutMs = 5_000
export const defaultIdleInTransactionMs = 10_000
export const defaultMaxWaitingCalls = 1_000

/** How much longer than the server's own limit we wait for its answer, ms: then the connection is taken for broken. */
export const answerMarginMs = 5_000

export type SqlValue = string | number | boolean | null | readonly (string | number | null)[]

/** Statements of one transaction. */
export interface Sql {
  rows<Row extends object>(text: string, values?: readonly SqlValue[]): Promise<readonly Row[]>
  /** Returns how many rows the statement changed. */
  run(text: string, values?: readonly SqlValue[]): Promise<number>
}

export interface Database {
  /** Runs `work` in a transaction: all of it, durable when this resolves, or nothing of it. */
  write<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** Runs `work`; all its statements see one moment. It may run twice. */
  read<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** One statement that changes nothing. */
  ask<Row extends object>(text: string, values?: readonly SqlValue[]): Promise<readonly Row[]>
  /** Waits for calls under way; calls after it are refused. */
  close(): Promise<void>
}

interface TransactionKind {
  readonly begin: string
  /** What the caller is told where no answer came to COMMIT. */
  readonly unanswered: (error: unknown) => unknown
}

const writing: TransactionKind = {
  begin: 'BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on',
  unanswered: (cause) => new ControlStoreOutcomeUnknownError({ cause }),
}
/** There is nothing that its COMMIT could have done. */
const reading: TransactionKind = {
  begin: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
  unanswered: nothingHappened,
}

export function openDatabase(options: DatabaseOptions): Database {
  const { statementTimeoutMs = defaultStatementTimeoutMs, maxWaitingCalls = defaultMaxWaitingCalls } = options
  const poolSize = options.poolSize ?? defaultPoolSize
  const pool = new pg.Pool({
    connectionString: options.url,
    max: poolSize,
    connectionTimeoutMillis: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + answerMarginMs,
    idle_in_transaction_session_timeout: options.idleInTransactionMs ?? defaultIdleInTransactionMs,
    keepAlive: true,
    application_name: 'hitlake',
    types: { getTypeParser },
  })
  // A connection that breaks while nobody uses it leaves the pool, and the next call opens another; one that breaks in
  // use fails the statement as well. An error event that nobody hears would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  let closing: Promise<void> | undefined

  async function connect(): Promise<pg.PoolClient> {
    if (closing !== undefined) throw new ControlStoreUnavailableError('closed')
    if (pool.waitingCount >= maxWaitingCalls) {
      throw new ControlStoreUnavailableError(`${pool.waitingCount} calls wait for it`)
    }
    try {
      return await pool.connect()
    } catch (error) {
      if (error instanceof pg.DatabaseError && !isTransient(error)) throw error
      throw new ControlStoreUnavailableError(reasonOf(error), { cause: error })
    }
  }

  /**
   * A connection in a transaction that has begun. Connections that ended while nobody used them show it here, where nothing
   * has happened yet: the next one is taken, and after as many as the pool holds the server is away indeed.
   */
  async function begun(begin: string): Promise<pg.PoolClient> {
    for (let ended = 0; ; ended++) {
      const client = await connect()
      try {
        await run(client, begin)
        return client
      } catch (error) {
        client.release(true)
        if (ended >= poolSize || !endsConnection(error)) throw nothingHappened(error)
      }
    }
  }

  async function transaction<T>({ begin, unanswered }: TransactionKind, work: (sql: Sql) => Promise<T>): Promise<T> {
    const client = await begun(begin)
    let broken = false
    const failed = async (error: unknown): Promise<unknown> => {
      broken = endsConnection(error) || !(await rolledBack(client))
      return nothingHappened(error)
    }
    try {
      let result: T
      try {
        result = await work(statementsOf(client))
      } catch (error) {
        throw await failed(error)
      }
      await commit(client, unanswered).catch((error: unknown) => {
        broken = true
        throw error
      })
      return result
    } finally {
      client.release(broken)
    }
  }

  return {
    write: (work) => transaction(writing, work),
    read: (work) => whileBroken(poolSize, () => transaction(reading, work)),
    ask: (text, values) =>
      whileBroken(poolSize, async () => {
        const client = await connect()
        let broken = true
        try {
          const rows = await statementsOf(client).rows(text, values)
          broken = false
          return rows as never
        } catch (error) {
          broken = !(error instanceof pg.DatabaseError) || isFatal(error)
          throw nothingHappened(error)
        } finally {
          client.release(broken)
        }
      }),
    close() {
      closing ??= pool.end()
      return closing
    },
  }
}

/** @throws what `unanswered` says, or ControlStoreUnavailableError where the server has said no */
async function commit(client: pg.PoolClient, unanswered: TransactionKind['unanswered']): Promise<void> {
  let answer: pg.QueryResult
  try {
    answer = await run(client, 'COMMIT')
  } catch (error) {
    if (error instanceof pg.DatabaseError && !isFatal(error)) throw nothingHappened(error)
    throw unanswered(error)
  }
  // The server's answer to COMMIT of a transaction that had failed already.
  if (answer.command !== 'COMMIT') throw new ControlStoreUnavailableError(`the answer to COMMIT was ${answer.command}`)
}

/** What the caller is told of an error before COMMIT was sent. */
function nothingHappened(error: unknown): unknown {
  const transient = error instanceof ConnectionBrokenError || (error instanceof pg.DatabaseError && isTransient(error))
  return transient ? new ControlStoreUnavailableError(reasonOf(error), { cause: error }) : error
}

/** Reads again where a connection broke that had been made, `most` times: all of a pool may have ended unnoticed. */
async function whileBroken<T>(most: number, read: () => Promise<T>): Promise<T> {
  for (let broken = 0; ; broken++) {
    try {
      return await read()
    } catch (error) {
      // One that cannot be made is not tried again at once.
      if (broken >= most || !(error instanceof ControlStoreUnavailableError) || !endsConnection(error.cause))
        throw error
    }
  }
}

/** Whether a connection that had been made is of no use any more. */
function endsConnection(error: unknown): boolean {
  return error instanceof ConnectionBrokenError || (error instanceof pg.DatabaseError && isFatal(error))
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await run(client, 'ROLLBACK')
    return true
  } catch {
    return false
  }
}

function statementsOf(client: pg.PoolClient): Sql {
  return {
    rows: async (text, values) => (await run(client, text, values)).rows,
    run: async (text, values) => (await run(client, text, values)).rowCount ?? 0,
  }
}

async function run(client: pg.PoolClient, text: string, values?: readonly SqlValue[]): Promise<pg.QueryResult> {
  try {
    return await client.query(text, values as SqlValue[] | undefined)
  } catch (error) {
    // What `wholeNumber` refuses is no fault of the connection.
    const ours = error instanceof pg.DatabaseError || error instanceof RangeError
    throw ours ? error : new ConnectionBrokenError(error)
  }
}

/** The server ends the connection with such an error. */
const isFatal = (error: pg.DatabaseError) => error.severity !== 'ERROR'

const int8 = 20

function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  return oid === int8 ? wholeNumber : pg.types.getTypeParser(oid, format as 'text')
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} in the control store is too large a number`)
  return value
}
