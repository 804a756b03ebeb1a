/** The commands that talk to a server: their arguments, and how they end. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../core/adapters/node/system.ts'
import { type Config, parseConfig } from '../core/config/parse-config.ts'
import type { Connection } from './client/connect.ts'
import { processTerminal as terminal } from './client/terminal.ts'
import { addEmitCommands } from './emit/add-emit-commands.ts'
import { addEraseCommands } from './erase/add-erase-commands.ts'
import { addExplainCommands } from './explain/add-explain-commands.ts'
import { addLakeCommands } from './lake/add-lake-commands.ts'
import { addRerunCommands } from './rerun/add-rerun-commands.ts'
import { explain } from './run-until-signal.ts'
import { defaultSeedDays, defaultSeedHitsPerDay, seedMaxDays, seedMaxHitsPerDay } from './seed/limits.ts'

type Environment = Readonly<Record<string, string | undefined>>

const serverHelp = `
Talks to the server at HITLAKE_URL (default: HITLAKE_HOST and HITLAKE_PORT) with HITLAKE_ADMIN_KEY or the key in the data
folder's keys.json. Where no server runs, the same app is started over the data folder for as long as the command takes.
Exit codes: 0 done, 1 not.`

const json = () => new Option('--json', 'the result as JSON')

/** `env` is the process's environment. */
export function addClientCommands(program: Command, env: Environment): void {
  program
    .command('seed')
    .description('make up traffic of a shop, to try things on; repeated it stores nothing twice')
    .option('--days <n>', 'how many days back, today included', whole(1, seedMaxDays), defaultSeedDays)
    .option('--seed <n>', 'other numbers give other traffic', whole(0, 2 ** 31), 1)
    .option('--merchant <id>', 'whose; made where missing', 'demo')
    .option('--hits-per-day <n>', 'about how many', whole(10, seedMaxHitsPerDay), defaultSeedHitsPerDay)
    .addOption(json())
    .addHelpText('after', serverHelp)
    .action((options) =>
      withServer(env, async (connection) => {
        const { seedTraffic } = await import('./seed/seed-command.ts')
        await seedTraffic(connection, options, { terminal, clock: systemClock })
        return 0
      }),
    )

  program
    .command('import')
    .description("bring a web server's log in: each line once, however often it is repeated, wherever it was cut off")
    .requiredOption('--access-log <file>', "Apache's combined format, plain or gzip")
    .option('--merchant <id>', 'whose; made where missing', 'access-log')
    .option('--time-zone <zone>', 'of a merchant that is made', 'UTC')
    .option('--currency <code>', 'of a merchant that is made', 'USD')
    .addOption(json())
    .addHelpText('after', `${serverHelp} 1 also where the server refused lines.`)
    .action((options) =>
      withServer(env, async (connection) => {
        const { importLog } = await import('./import/import-command.ts')
        return (await importLog(connection, options, { terminal, clock: systemClock })) === 'done' ? 0 : 1
      }),
    )

  program
    .command('query')
    .description('ask for numbers: a table, a chart along time, JSON or CSV')
    .option('--merchant <id>', 'whose', 'demo')
    .option('--metrics <names>', 'comma-separated', 'visitors,sessions,pageviews,orders,revenue')
    .option('--range <range>', '24h, 7d, 28d, 30d, 90d, day, month, year, all, or FROM..TO', '30d')
    .option('--by <dimensions>', 'comma-separated: time:hour|day|week|month, page, source, country, props.<key>, …')
    .option('--filter <filter...>', 'page=/cart, page!=/, page~part, or the JSON of a filter; all must hold')
    .option('--order <orders>', 'comma-separated: metric:desc, dimension:asc')
    .option('--limit <n>', 'most rows', whole(1, 10_000), 50)
    .option('--compare <period>', 'previous_period, previous_year, or FROM..TO')
    .option('--time-zone <zone>', "default: the merchant's")
    .addOption(json().conflicts('csv'))
    .option('--csv', 'the result as CSV')
    .addHelpText('after', serverHelp)
    .action((options) =>
      withServer(env, async ({ api }) => {
        const { runQuery } = await import('./query/query-command.ts')
        await runQuery(api, options, terminal)
        return 0
      }),
    )

  addEraseCommands(program, { json, help: serverHelp, withServer: (command) => withServer(env, command) })

  addLakeCommands(program, {
    json,
    whole,
    help: serverHelp,
    withServer: (command) => withServer(env, command),
    without: (command) => withoutServer(env, command),
  })

  addRerunCommands(program, { json, whole, help: serverHelp, withServer: (command) => withServer(env, command) })

  addEmitCommands(program, { env, json, whole, help: serverHelp, withServer: (command) => withServer(env, command) })

  addExplainCommands(program, {
    json,
    plans: env.HITLAKE_PLANS,
    withServer: (command) => withServer(env, command),
  })

  program
    .command('doctor')
    .description('look at Node, configuration, folder, disk, port, clock, tables and books; say what to mend')
    .addOption(json())
    .addHelpText('after', '\nStarts nothing and changes nothing. Exit codes: 0 nothing must be done, 1 something must.')
    .action(async (options: { json?: true }) => {
      const { examine } = await import('./doctor/doctor.ts')
      const findings = await examine({ env, nodeVersion: process.version, clock: systemClock })
      if (options.json === true) terminal.out(JSON.stringify({ findings }))
      else {
        const marks = { good: '✓', note: '·', broken: '✗' } as const
        for (const { part, state, says, mend } of findings) {
          terminal.out(`${marks[state]} ${part}: ${says}${mend === undefined ? '' : `\n    ${mend}`}`)
        }
      }
      process.exit(findings.some(({ state }) => state === 'broken') ? 1 : 0)
    })
}

/** Joins a command with its server; ends the process with what the command says, or with 1 and the reason. */
async function withServer(env: Environment, command: (connection: Connection) => Promise<number>): Promise<void> {
  const { connect } = await import('./client/connect.ts')
  let connection: Connection | undefined
  try {
    connection = await connect(env)
    const code = await command(connection)
    await connection.close()
    process.exit(code)
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`)
    await connection?.close().catch(() => undefined)
    process.exit(1)
  }
}

/** Ends the process with what the command says, or with 2 and the reason: it could not look. */
async function withoutServer(env: Environment, command: (config: Config) => Promise<number>): Promise<void> {
  try {
    process.exit(await command(parseConfig(env)))
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`)
    process.exit(2)
  }
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}.`)
  }
}
