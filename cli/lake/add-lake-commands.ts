/** The arguments of `hitlake lake …`. */
import type { Command, Option } from 'commander'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import type { Config } from '../../core/config/parse-config.ts'
import type { Connection } from '../client/connect.ts'
import { processTerminal as terminal } from '../client/terminal.ts'
import type { LakeContext } from './lake-command.ts'

export interface LakeCommandParts {
  readonly json: () => Option
  readonly whole: (least: number, most: number) => (text: string) => number
  /** Joins a command with its server, and ends the process with what it says. */
  readonly withServer: (command: (connection: Connection) => Promise<number>) => Promise<void>
  /** Runs a command that needs no server, and ends the process with what it says. */
  readonly without: (command: (config: Config) => Promise<number>) => Promise<void>
  readonly help: string
}

/** How long a pin holds where nothing is said. */
export const defaultPinDays = 14
/** Longest that a pin may be asked for. */
export const pinMaxDays = 3_650

type Lake = typeof import('./lake-command.ts')

export function addLakeCommands(program: Command, parts: LakeCommandParts): void {
  const lake = program
    .command('lake')
    .description('look at the tables of the lake, keep snapshots, and tidy up')
    .addHelpText('after', `${parts.help} 1 also where something is broken, or cannot be done at the moment.`)

  function run(
    options: { readonly json?: true },
    work: (lake: Lake, context: LakeContext) => Promise<number>,
  ): Promise<void> {
    return parts.withServer(async ({ api }) => {
      const form = options.json === true ? 'json' : 'text'
      return work(await import('./lake-command.ts'), { api, terminal, clock: systemClock, timers: systemTimers, form })
    })
  }
  const add = (name: string, description: string) => lake.command(name).description(description).addOption(parts.json())

  add('tables', 'the tables, the snapshot that is read of each, and pins').action((options) =>
    run(options, (lake, context) => lake.lakeTables(context)),
  )
  add('snapshots <table>', 'what can be read again, newest first, and what keeps it').action((table, options) =>
    run(options, (lake, context) => lake.lakeSnapshots(context, table, 'snapshots')),
  )
  add('history <table>', 'which commit followed which, and by what publication').action((table, options) =>
    run(options, (lake, context) => lake.lakeSnapshots(context, table, 'history')),
  )
  add('files <table>', 'files, rows and size of each partition').action((table, options) =>
    run(options, (lake, context) => lake.lakeFiles(context, table)),
  )
  add('diff <table> <from> <to>', 'rows and files that differ between two snapshots, by partition').action(
    (table, from, to, options) => run(options, (lake, context) => lake.lakeDiff(context, table, from, to)),
  )
  add('rollback <table> <snapshot>', 'take a table back to a snapshot, where no accepted hit gets lost by it')
    .option('--dry-run', 'say what it would undo, and change nothing')
    .option('--yes', 'do it; without, it only says what it would undo')
    .action((table, snapshot, options: { readonly json?: true; readonly dryRun?: true; readonly yes?: true }) =>
      run(options, (lake, context) => {
        const mode = options.dryRun === true ? 'dry run' : options.yes === true ? 'roll back' : 'ask'
        return lake.lakeRollback(context, table, snapshot, mode)
      }),
    )
  add('pin <table> <snapshot>', 'keep a snapshot; the same name again renews the pin')
    .option('--name <name>', 'of the pin (default: pin-<snapshot>)')
    .option('--days <n>', 'how long', parts.whole(1, pinMaxDays), defaultPinDays)
    .option('--by <text>', 'who asks, for people', 'hitlake lake pin')
    .action((table, snapshot, options) =>
      run(options, (lake, context) => lake.lakePin(context, table, snapshot, options)),
    )
  add('unpin <table> <name>', 'keep it no longer').action((table, name, options) =>
    run(options, (lake, context) => lake.lakeUnpin(context, table, name)),
  )
  add('expire <table>', 'remove snapshots nobody keeps, and files that nothing names, as maintenance does every hour')
    .option('--dry-run', 'say what would go, and remove nothing')
    .action((table, options: { readonly json?: true; readonly dryRun?: true }) =>
      run(options, (lake, context) => lake.lakeExpire(context, table, options.dryRun === true ? 'dry run' : 'remove')),
    )
  add('compact <table>', 'rewrite partitions of many files, as maintenance does every ten minutes')
    .option('--dry-run', 'list the partitions it would rewrite, and change nothing')
    .action((table, options: { readonly json?: true; readonly dryRun?: true }) =>
      run(options, (lake, context) =>
        lake.lakeCompact(context, table, options.dryRun === true ? 'dry run' : 'rewrite'),
      ),
    )
  add('prove-erased', 'look into every file, old snapshot, log and checkpoint for what was erased')
    .option('--merchant <id>', 'whose')
    .option('--visitor <id>', 'as the hits named it')
    .option('--user <id>', 'as the hits named it')
    .option('--all', 'every hit of the merchant')
    .option('--through <instant>', 'received until then (default: until its erasure; now where there is none)')
    .option('--erasure <id>', 'that of hitlake erasures, in place of all of these', parts.whole(1, 2 ** 53 - 1))
    .addHelpText(
      'after',
      '\nReads the data folder or the object store itself, with the server running or stopped, and changes nothing.\nExit codes: 0 proven, 1 something is left, 2 nothing was found, but not everything could be read.',
    )
    .action((options) =>
      parts.without(async (config) => {
        const { proveErasedHere } = await import('./prove-erased.ts')
        return proveErasedHere({ config, terminal, clock: systemClock }, options)
      }),
    )
  add('relocate [uri]', 'name another place in all metadata: of a data folder that will be moved, or was')
    .option('--dry-run', 'say what it would change, and change nothing')
    .addHelpText(
      'after',
      `
Embedded only, with the server stopped. The URI is that of the folder of the tables, such as file:///var/hitlake/lake or
s3://bucket/lake; left out, it is where they are now in HITLAKE_DATA_DIR. Files are not moved: that is yours to do.`,
    )
    .action((uri: string | undefined, options: { readonly json?: true; readonly dryRun?: true }) =>
      parts.without(async (config) => {
        const { relocateLake } = await import('./relocate-command.ts')
        const form = options.json === true ? 'json' : 'text'
        const mode = options.dryRun === true ? 'dry run' : 'relocate'
        return relocateLake(config, { to: uri, mode, form }, { terminal, clock: systemClock, random: systemRandom })
      }),
    )
  add('doctor', 'hold every table against its metadata: references, counts, bounds; say what to mend').action(
    (options) => run(options, (lake, context) => lake.lakeDoctor(context)),
  )
}
