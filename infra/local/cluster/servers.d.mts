/** What tests and programs may use of `servers.mjs`. */

export type ServerName = 'kafka' | 'postgres' | 's3' | 'trino'

/** One process among all there ever were: a pid alone is given again. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks from the machine's start to the process's. */
  readonly startedTicks: number
  readonly boot: string
}

export interface Server {
  readonly name: ServerName
  /** On 127.0.0.1; the same after each start. */
  readonly port: number
  /** The file that takes all it prints. */
  readonly log: string
  /** Undefined while it does not run. */
  readonly pid: number | undefined
  /** Starts it over its folder and waits until it serves; nothing if it runs. Throws with the last lines of its log. */
  start(): Promise<void>
  /** Ends it in good order, or by `signal`; kills it after 30 s. Nothing of it runs afterwards. Its data stays. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** `kill -9` to it and all below it. */
  kill(): Promise<void>
  /** Stands still (SIGSTOP): connections stay open, nothing is answered. */
  pause(): void
  /** Goes on after `pause`. */
  resume(): void
  /** Resolves once it serves; throws when it does not in its time, or does not run. */
  ready(): Promise<void>
}

export type Servers<Name extends ServerName = ServerName> = Readonly<Record<Name, Server>> & {
  readonly folder: string
  /** The `HITLAKE_…` settings that name these servers. */
  readonly env: Readonly<Record<string, string>>
  /** Stops all of them. */
  stop(): Promise<void>
}

export declare const allServers: readonly ServerName[]

/**
 * Installs (see `install.mjs`) and starts servers in parallel, and resolves once all of them serve. Those that still run over this folder
 * are taken over as they are. If one fails, those this call started are stopped again.
 */
export declare function startServers<Name extends ServerName = ServerName>(options: {
  /** Made if absent. Holds data, logs, ports and keys. Its permissions are widened so that user postgres can pass through, if we are root. */
  readonly folder: string
  /** A subset. `trino` brings `postgres` and `s3` with it. */
  readonly only?: readonly Name[]
  /**
   * `caller` (the default): they die with this process, however it ends, and are set for a short life: Java compiles quickly and
   * not well, PostgreSQL does not wait for the disk. `machine`: they stay until `stopServers`.
   */
  readonly lifetime?: 'caller' | 'machine'
}): Promise<Servers<Name>>

/** Stops what still runs over the folder, whoever started it, and says what that was. */
export declare function stopServers(options: { readonly folder: string }): Promise<readonly ServerName[]>

/** What runs over the folder now; undefined if nothing was ever started there. */
export declare function runningServers(options: {
  readonly folder: string
}): { readonly running: readonly ServerName[]; readonly env: Readonly<Record<string, string>> } | undefined

/** Where `installServers` put what; see `install.mjs`. */
export interface Installed {
  readonly kafka: { readonly home: string; readonly java: string }
  readonly postgres: { readonly bin: string }
  readonly s3: { readonly binary: string }
  readonly trino: { readonly home: string; readonly java: string }
}
