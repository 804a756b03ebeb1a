/** The arguments of `hitlake explain` and `hitlake diff`. */
import type { Command, Option } from 'commander'
import type { Connection } from '../client/connect.ts'
import { processTerminal as terminal } from '../client/terminal.ts'
import { explain } from '../run-until-signal.ts'
import type { ExplainOptions } from './explain-command.ts'

export interface ExplainCommandParts {
  readonly json: () => Option
  /** Joins a command with its server, and ends the process with what it says. */
  readonly withServer: (command: (connection: Connection) => Promise<number>) => Promise<void>
}

export function addExplainCommands(program: Command, { json, withServer }: ExplainCommandParts): void {
  program
    .command('explain')
    .description('what a pipeline of this release does: steps, keys, state, windows, cost')
    .argument('[pipeline]', 'all where left out')
    .option('--mermaid', 'as a Mermaid flowchart')
    .addOption(json().conflicts('mermaid'))
    .addHelpText(
      'after',
      '\nNeeds no server. With --json each line is the plan of one pipeline, as `hitlake diff` reads it.',
    )
    .action((name: string | undefined, options: ExplainOptions) =>
      withoutServer(async () => {
        const [{ explainPipelines }, { loadPipelines }] = await both()
        explainPipelines(await loadPipelines(), name, options, terminal)
        return 0
      }),
    )

  program
    .command('diff')
    .description('what follows from bringing one plan in where another ran: same, redeploy, rebuild needed, breaking')
    .argument('<from>', 'a file with the JSON of a plan, or a pipeline of this release')
    .argument(
      '[to]',
      "the same; left out: <from> is a pipeline, and the running server's plan is compared with this release's",
    )
    .addOption(json())
    .addHelpText('after', '\nExit codes: 0 same or redeploy, 1 rebuild needed, breaking, or not compared.')
    .action((from: string, to: string | undefined, options: { readonly json?: true }) => {
      const form = options.json === true ? 'json' : 'text'
      if (to !== undefined) {
        return withoutServer(async () => {
          const [{ diffTwo, printDiff }, { loadPipelines }] = await both()
          return printDiff(await diffTwo(await loadPipelines(), from, to), form, terminal)
        })
      }
      return withServer(async ({ api }) => {
        const [{ diffServer, printDiff }, { loadPipelines }] = await both()
        const { dataSetVersions } = await import('../../pipelines/adapters/local/country-data.ts')
        return printDiff(await diffServer(api, await loadPipelines(), from, await dataSetVersions()), form, terminal)
      })
    })
}

const both = () => Promise.all([import('./explain-command.ts'), import('./catalog.ts')])

async function withoutServer(command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command()
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`)
    process.exitCode = 1
  }
}
