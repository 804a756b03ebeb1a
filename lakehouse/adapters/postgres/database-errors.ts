/** Which errors of PostgreSQL and of connections to it pass by themselves, by SQLSTATE (appendix A of its manual). */
import pg from 'pg'

/** The connection broke, or gave no answer in time, while a statement was under way. */
export class ConnectionBrokenError extends Error {
  override readonly name = 'ConnectionBrokenError'
  constructor(cause: unknown) {
    super('the connection to PostgreSQL broke', { cause })
  }
}

const transientClasses: readonly string[] = [
  '08', // connection
  '53', // out of connections, memory, disk
  '57', // cancelled, shutting down, starting up
  '58', // input and output
]

const transientStates: readonly string[] = [
  '40001', // serialization
  '40P01', // deadlock
  '55P03', // lock not available
  '25006', // read only: a primary that has become a standby
  '25P03', // stood still in a transaction
  '42P01', // no such table: migrations made them all, so a copy is just being put back
]

/** Whether the same call may do later. The transaction is gone. */
export function isTransient(error: pg.DatabaseError): boolean {
  const state = error.code ?? ''
  return transientStates.includes(state) || transientClasses.includes(state.slice(0, 2))
}

/** In a few words, without addresses and data. */
export function reasonOf(error: unknown): string {
  if (error instanceof ConnectionBrokenError) return reasonOf(error.cause)
  if (error instanceof pg.DatabaseError) return `PostgreSQL says ${error.code}`
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : 'connection lost or no answer in time'
}
