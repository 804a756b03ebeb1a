/** The arguments of `hitlake emit …`. */
import { type Command, InvalidArgumentError, type Option } from 'commander'
import { systemClock } from '../../core/adapters/node/system.ts'
import { parseConfig } from '../../core/config/parse-config.ts'
import { emitDefaultHitsPerSecond, emitMaxHitsPerSecond } from '../../pipelines/runtime/emit/limits.ts'
import type { Connection } from '../client/connect.ts'
import { processTerminal as terminal } from '../client/terminal.ts'
import type { EmitCommandOptions } from './emit-command.ts'

export interface EmitCommandParts {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly json: () => Option
  readonly whole: (least: number, most: number) => (text: string) => number
  /** Joins a command with its server, and ends the process with what it says. */
  readonly withServer: (command: (connection: Connection) => Promise<number>) => Promise<void>
  readonly help: string
}

const story = `
Writes the hits that were accepted, as they were accepted, with the place each came from: hits of the table hits and those
that a step refused; erased ones are left out. In order of day (UTC), merchant and hour. Cut off at any moment, the same
command goes on: a file has every hit exactly once, a topic at least once, with positions to drop repeats by.

  hitlake emit hits --snapshot latest --to hits.ndjson
  hitlake emit hits --snapshot latest --from 2026-03-01 --until 2026-03-31 --merchant demo --to march.avro
  hitlake emit hits --snapshot latest --to kafka:hits-history

Reads the tables itself: of a data folder, HITLAKE_DATA_DIR of the server; of a cluster, with the servers' addresses in
HITLAKE_* (Trino, PostgreSQL, the object store, Kafka) as the cluster has them. docs/how-to/emit-history.md
`

export function addEmitCommands(program: Command, { env, json, whole, withServer, help }: EmitCommandParts): void {
  program
    .command('emit')
    .description(
      'write accepted hits of a snapshot into a file or a topic; the same again goes on where it was cut off',
    )
    .argument('<table>', 'hits', onlyHits)
    .requiredOption('--snapshot <id>', 'of the table hits; latest: what is read when it begins')
    .requiredOption('--to <output>', '<file>.ndjson, <file>.avro, or kafka:<topic>')
    .option('--from <date>', 'first UTC day (default: the first there is)')
    .option('--until <date>', 'last UTC day (default: the last there is)')
    .option('--merchant <id>', 'of one merchant only')
    .option('--rate <hits>', 'a second, at most', whole(1, emitMaxHitsPerSecond), emitDefaultHitsPerSecond)
    .option('--name <name>', 'of an emission into a topic: another name is another emission')
    .option('--brokers <list>', 'host:port,… (default: HITLAKE_KAFKA_BROKERS of a cluster)')
    .addOption(json())
    .addHelpText('after', `${story}${help}`)
    .action((_table: string, options: EmitCommandOptions) =>
      withServer(async (connection) => {
        const { emitHits } = await import('./emit-command.ts')
        return emitHits({ config: parseConfig(env), connection, terminal, clock: systemClock }, options)
      }),
    )
}

function onlyHits(table: string): string {
  if (table === 'hits') return table
  throw new InvalidArgumentError('only hits can be emitted: what was accepted.')
}
