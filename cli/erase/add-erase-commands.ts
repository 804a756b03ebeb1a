/** The arguments of `hitlake erase` and `hitlake erasures`. */
import type { Command, Option } from 'commander'
import { ask } from '../client/ask.ts'
import type { Connection } from '../client/connect.ts'
import { processTerminal as terminal } from '../client/terminal.ts'
import type { EraseOptions } from './erase-command.ts'

export interface EraseCommandParts {
  readonly json: () => Option
  /** Joins a command with its server, and ends the process with what it says. */
  readonly withServer: (command: (connection: Connection) => Promise<number>) => Promise<void>
  readonly help: string
}

export function addEraseCommands(program: Command, { json, withServer, help }: EraseCommandParts): void {
  program
    .command('erase')
    .description("erase what a merchant's visitor, user, or all of them have sent until now, for good")
    .requiredOption('--merchant <id>', 'whose')
    .option('--visitor <id>', 'as the hits name it')
    .option('--user <id>', 'as the hits name it')
    .option('--all', 'every hit of the merchant')
    .option('--by <text>', 'who asks, for people', 'hitlake erase')
    .option('--yes', 'do not ask whether it is meant')
    .addOption(json())
    .addHelpText('after', `${help} 1 also where the question was answered with no.`)
    .action((options: EraseOptions) =>
      withServer(async ({ api }) => {
        const { eraseHits } = await import('./erase-command.ts')
        const confirm = process.stdin.isTTY === true && terminal.progress.isTerminal ? ask : null
        return eraseHits({ api, terminal, confirm }, options)
      }),
    )

  program
    .command('erasures')
    .description('what was erased, and how far it is: asked, removing, removed')
    .option('--merchant <id>', 'of one only')
    .option('--open', 'those not removed yet')
    .addOption(json())
    .addHelpText('after', help)
    .action((options) =>
      withServer(async ({ api }) => {
        const { listErasures } = await import('./erase-command.ts')
        return listErasures({ api, terminal }, options)
      }),
    )
}
