/**
 * The control store in a DuckDB file (embedded). One object a process: it is the file's only writer.
 *
 * Durable at return: a commit is in DuckDB's write-ahead log, synced, before its promise resolves. Writes wait for each
 * other on one connection, reads on another, and neither waits for the other. A call that fails with a DuckDB error
 * leaves nothing behind unless the disk itself failed at the commit; then only the reopened file tells, as after a crash.
 * Idle, it writes nothing.
 */
import type { DuckDBInstance } from '@duckdb/node-api'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { booksLedger } from './control-store-books.ts'
import { derivations } from './control-store-derivations.ts'
import { directory } from './control-store-directory.ts'
import { epochs } from './control-store-epochs.ts'
import { erasures } from './control-store-erasures.ts'
import { imports } from './control-store-imports.ts'
import { pins } from './control-store-pins.ts'
import { publications } from './control-store-publications.ts'
import { reruns } from './control-store-reruns.ts'
import { Session } from './control-store-session.ts'
import { createVersions } from './control-store-versions.ts'
import { migrate } from './migrations.ts'

export interface DuckDbControlStoreOptions {
  readonly instance: DuckDBInstance
  /** Changes that `versionsSince` can list; readers further behind are told to forget everything. */
  readonly maxVersionRows?: number
  /** Rows of days' versions that come together before those of one day become one. */
  readonly foldDaysAt?: number
  /** Partial rows of the books that come together before they are summed. */
  readonly foldBooksAt?: number
  /** Calls that may wait for each of the two connections. */
  readonly maxWaitingCalls?: number
}

/**
 * Opens the store and brings its tables to this version.
 * @throws StartError where a newer version wrote the file
 */
export async function openDuckDbControlStore(options: DuckDbControlStoreOptions): Promise<ControlStore> {
  const writer = await Session.open(options.instance, options.maxWaitingCalls)
  const reader = await Session.open(options.instance, options.maxWaitingCalls)
  const close = async () => {
    await Promise.all([writer.close(), reader.close()])
  }
  try {
    await migrate(writer)
    const ledger = await booksLedger(writer, reader, options.foldBooksAt)
    const versions = await createVersions(writer, reader, options)
    const { addAccepted, acceptedThrough, books } = ledger
    return {
      ...directory(writer, reader),
      ...epochs(writer, reader, ledger, versions),
      ...publications(writer, reader, versions),
      ...derivations(writer, reader),
      ...pins(writer, reader),
      ...erasures(writer, reader, versions),
      ...reruns(writer, reader, versions),
      ...imports(writer, reader),
      addAccepted,
      acceptedThrough,
      books,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
