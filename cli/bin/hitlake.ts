/** The command `hitlake`. Reads the environment and the arguments, joins the real things, and ends the process. */
import { existsSync, readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { roles } from '../../core/config/cluster.ts'
import { parseConfig } from '../../core/config/parse-config.ts'
import { addClientCommands } from '../client-commands.ts'
import { explain, runUntilSignal } from '../run-until-signal.ts'

const program = new Command('hitlake')
  .description('Open web-analytics backend: hits in, kept for ever, time series out.')
  .version(packageVersion())
  .showHelpAfterError('(hitlake --help lists what there is)')

program
  .command('start')
  .description('start the server: everything in one process, or a role of a cluster')
  .addOption(
    new Option('--role <role>', 'what this process does in a cluster; as HITLAKE_ROLE').choices(['all', ...roles]),
  )
  .addHelpText(
    'after',
    `
Configured by environment variables, all described in docs/reference/config.md:
  HITLAKE_PORT      port to listen on (8080)
  HITLAKE_HOST      address to listen on (127.0.0.1)
  HITLAKE_DATA_DIR  folder of all data (./data)
  HITLAKE_MODE      embedded (default) or cluster; a cluster needs Kafka, PostgreSQL, objects and Trino:
                    HITLAKE_KAFKA_BROKERS, HITLAKE_POSTGRES_URL, HITLAKE_OBJECTS_URI, HITLAKE_TRINO_URL

The first signal (Ctrl-C) stops in order, a second one at once.
Exit codes: 0 stopped in order, 1 could not start or stop, 130 cut off.`,
  )
  .action(({ role }: { role?: string }) =>
    runUntilSignal(
      {
        on: (signal, listener) => process.on(signal, listener),
        exit: (code) => process.exit(code),
        complain,
      },
      async () => {
        const config = parseConfig(role === undefined ? process.env : { ...process.env, HITLAKE_ROLE: role })
        // Loaded here, so that `hitlake --help` does not wait for engine and database.
        if (config.mode === 'embedded') {
          const { startEmbedded } = await import('../embedded/start.ts')
          return startEmbedded(config, { out: say })
        }
        const { startCluster } = await import('../cluster/start.ts')
        return startCluster(config, { out: say, fatal: endAtOnce })
      },
    ),
  )

program
  .command('recover')
  .description('bring a control store that was restored from a copy up to date, from the journal in the object store')
  .option('--dry-run', 'say what would be done, and do nothing')
  .addHelpText(
    'after',
    `
For a cluster (HITLAKE_MODE=cluster, docs/how-to/recover-the-control-store.md): processes that find the control store
older than their journal refuse to work until this has run. It may be repeated, and cut off at any moment.
Exit codes: 0 the store is up to date, 1 it is not.`,
  )
  .action(async ({ dryRun }: { dryRun?: true }) => {
    try {
      const config = parseConfig(process.env)
      const { recoverStore } = await import('../cluster/recover.ts')
      await recoverStore(config, { out: say, mode: dryRun === true ? 'dry run' : 'recover' })
      process.exit(0)
    } catch (error) {
      complain(explain(error))
      process.exit(1)
    }
  })

addClientCommands(program, process.env)

await program.parseAsync()

// Beside the sources when run from them, one folder further up when built.
function packageVersion(): string {
  const places = ['../../package.json', '../../../package.json'].map((place) => new URL(place, import.meta.url))
  const found = places.find((place) => existsSync(place))
  return found === undefined ? 'unknown' : (JSON.parse(readFileSync(found, 'utf8')) as { version: string }).version
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}

// A part that cannot go on: whoever runs the process starts it again, and nothing accepted is lost.
function endAtOnce(): void {
  process.exit(1)
}
