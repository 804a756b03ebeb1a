/**
 * Instances of DuckDB: the control store has one over its file, Parquet writing and queries share one in memory, each on
 * connections of their own. One file is open in one process at a time (DuckDB's lock); what can go wrong on opening it is
 * said in a sentence with the mend.
 *
 * Nothing is fetched from a network: extensions are neither installed nor loaded by themselves.
 */
import { DuckDBInstance } from '@duckdb/node-api'
import { StartError } from '../../../core/errors.ts'
import { memoryLimitText } from './freed-memory.ts'

export interface DatabaseOptions {
  /** Path of the database file, made where it is missing; its folder must exist. */
  readonly file: string | ':memory:'
  /** Beyond it DuckDB spills to `scratch`, or fails the query. Its own bookkeeping comes on top. */
  readonly memoryLimitBytes: number
  readonly threads: number
  /** Folder for spilled data; made when needed, its content is worthless after a stop. */
  readonly scratch: string
  /** A checkpoint (WAL into file) runs when the WAL has grown to this. */
  readonly checkpointBytes?: number
}

/** Least memory DuckDB works with here; less fails in the middle of a publication rather than at the start. */
export const minDatabaseMemoryBytes = 32 * 1024 * 1024

/**
 * Small, so that the checkpoint that a commit now and then has to carry stays short: some 20 ms for 4 MB.
 */
export const defaultCheckpointBytes = 4 * 1024 * 1024

/**
 * For staging alone, what an epoch does every few seconds: a rewrite, a publication or a question that has taken what there
 * is would make it begin again. Above what an epoch of 8 MiB takes; a larger one spills.
 */
export const stagingMemoryBytes = 64 * 1024 * 1024

/** Where rows are staged, in memory; `scratch` as in `DatabaseOptions`. */
export function openStagingDatabase(scratch: string): Promise<DuckDBInstance> {
  return openDatabase({ file: ':memory:', memoryLimitBytes: stagingMemoryBytes, threads: 1, scratch })
}

/**
 * Opens the database.
 * @throws StartError where the file is another process's, is damaged, or is no DuckDB database
 */
export async function openDatabase(options: DatabaseOptions): Promise<DuckDBInstance> {
  const { file, memoryLimitBytes, threads, scratch, checkpointBytes = defaultCheckpointBytes } = options
  if (memoryLimitBytes < minDatabaseMemoryBytes) {
    throw new StartError(`DuckDB needs ${minDatabaseMemoryBytes} bytes of memory, it was given ${memoryLimitBytes}`)
  }
  if (!Number.isSafeInteger(threads) || threads < 1)
    throw new StartError(`DuckDB needs a thread, it was given ${threads}`)
  const settings = {
    threads: String(threads),
    memory_limit: memoryLimitText(memoryLimitBytes),
    temp_directory: scratch,
    // Files are this machine's, which the system's page cache has; DuckDB's own would fill the limit with copies of them.
    enable_external_file_cache: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    checkpoint_threshold: `${Math.floor(checkpointBytes / 1024)}KiB`,
  }
  try {
    // A file is opened through the cache: two instances on one file in one process would not see each other's lock.
    const instance = await (file === ':memory:'
      ? DuckDBInstance.create(file, settings)
      : DuckDBInstance.fromCache(file, settings))
    const connection = await instance.connect()
    await connection.run("SET GLOBAL TimeZone = 'UTC'")
    connection.closeSync()
    return instance
  } catch (error) {
    throw startError(file, error)
  }
}

/** What DuckDB said about opening `file`, as the sentence a person can act on. */
export function startError(file: string, error: unknown): StartError {
  const said = error instanceof Error ? error.message : String(error)
  const firstLine = said.split('\n', 1)[0] ?? ''
  const lock = /could not set lock/i.test(said)
  if (lock) {
    const process = /PID (\d+)/.exec(said)?.[1]
    const holder = process === undefined ? 'another process' : `process ${process}`
    return new StartError(`${file} is in use by ${holder}; stop it or choose another HITLAKE_DATA_DIR`, {
      cause: error,
    })
  }
  if (/not a valid DuckDB database/i.test(said)) {
    return new StartError(`${file} is not a DuckDB database; move it away or choose another HITLAKE_DATA_DIR`, {
      cause: error,
    })
  }
  if (/version number|newer version of DuckDB/i.test(said)) {
    return new StartError(`${file} was written by a newer version; start that version of Hitlake (${firstLine})`, {
      cause: error,
    })
  }
  if (/cannot open file|permission denied|read-only|is a directory/i.test(said)) {
    return new StartError(
      `${file} cannot be opened; make it and its folder writable, or choose another HITLAKE_DATA_DIR (${firstLine})`,
      {
        cause: error,
      },
    )
  }
  return new StartError(`${file} is damaged; put back a copy of it and of its .wal file (${firstLine})`, {
    cause: error,
  })
}

/** Whether DuckDB gave up for want of memory: trying with fewer rows at once may help. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Out of Memory Error')
}
