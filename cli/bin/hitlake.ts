/** The command `hitlake`. Reads the environment and the arguments, joins the real things, and ends the process. */
import { existsSync, readFileSync } from 'node:fs'
import { Command } from 'commander'
import { parseConfig } from '../../core/config/parse-config.ts'
import { runUntilSignal } from '../run-until-signal.ts'

const program = new Command('hitlake')
  .description('Open web-analytics backend: hits in, kept for ever, time series out.')
  .version(packageVersion())
  .showHelpAfterError('(hitlake --help lists what there is)')

program
  .command('start')
  .description('start the server: collector, pipeline, lake and queries in one process')
  .addHelpText(
    'after',
    `
Configured by environment variables, all described in docs/reference/config.md:
  HITLAKE_PORT      port to listen on (8080)
  HITLAKE_HOST      address to listen on (127.0.0.1)
  HITLAKE_DATA_DIR  folder of all data (./data)

The first signal (Ctrl-C) stops in order, a second one at once.
Exit codes: 0 stopped in order, 1 could not start or stop, 130 cut off.`,
  )
  .action(() =>
    runUntilSignal(
      {
        on: (signal, listener) => process.on(signal, listener),
        exit: (code) => process.exit(code),
        complain: (line) => process.stderr.write(`${line}\n`),
      },
      async () => {
        const config = parseConfig(process.env)
        // Loaded here, so that `hitlake --help` does not wait for engine and database.
        const { startEmbedded } = await import('../embedded/start.ts')
        return startEmbedded(config, { out: (line) => process.stdout.write(`${line}\n`) })
      },
    ),
  )

await program.parseAsync()

// Beside the sources when run from them, one folder further up when built.
function packageVersion(): string {
  const places = ['../../package.json', '../../../package.json'].map((place) => new URL(place, import.meta.url))
  const found = places.find((place) => existsSync(place))
  return found === undefined ? 'unknown' : (JSON.parse(readFileSync(found, 'utf8')) as { version: string }).version
}
