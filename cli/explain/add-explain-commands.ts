/** The arguments of `hitlake explain`, `hitlake diff` and `hitlake adopt`. */
import type { Command, Option } from 'commander'
import type { Connection } from '../client/connect.ts'
import { processTerminal as terminal } from '../client/terminal.ts'
import type { AdoptOptions } from '../plans/adopt-command.ts'
import { explain } from '../run-until-signal.ts'
import type { ExplainOptions } from './explain-command.ts'

export interface ExplainCommandParts {
  readonly json: () => Option
  /** Joins a command with its server, and ends the process with what it says. */
  readonly withServer: (command: (connection: Connection) => Promise<number>) => Promise<void>
  /** Folder of plans that stand for this release's own; left out: there are none. */
  readonly plans?: string | undefined
}

export function addExplainCommands(program: Command, { json, withServer, plans }: ExplainCommandParts): void {
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
        explainPipelines(await loadPipelines(plans), name, options, terminal)
        return 0
      }),
    )

  program
    .command('diff')
    .description('what follows from bringing one plan in where another ran: same, redeploy, rebuild needed, breaking')
    .argument('<from>', 'a file with the JSON of a plan, or a pipeline of this release')
    .argument(
      '[to]',
      "the same; left out: <from> is a pipeline, and the plan that is live on the server is compared with this release's",
    )
    .addOption(json())
    .addHelpText('after', '\nExit codes: 0 same or redeploy, 1 rebuild needed, breaking, or not compared.')
    .action((from: string, to: string | undefined, options: { readonly json?: true }) => {
      const form = options.json === true ? 'json' : 'text'
      if (to !== undefined) {
        return withoutServer(async () => {
          const [{ diffTwo, printDiff }, { loadPipelines }] = await both()
          return printDiff(await diffTwo(await loadPipelines(plans), from, to), form, terminal)
        })
      }
      return withServer(async ({ api }) => {
        const [{ diffServer, printDiff }, { loadPipelines }] = await both()
        const { dataSetVersions } = await import('../../pipelines/adapters/local/country-data.ts')
        return printDiff(
          await diffServer(api, await loadPipelines(plans), from, await dataSetVersions()),
          form,
          terminal,
        )
      })
    })

  program
    .command('adopt')
    .description(
      "process hits by the plan of the server's release from now on, where it waits; the past stays as it is",
    )
    .argument('<pipeline>', 'such as hits')
    .option('--yes', 'do not ask whether it is meant')
    .addOption(json())
    .addHelpText('after', '\nExit codes: 0 done, 1 not, or the question was answered with no.')
    .action((name: string, options: AdoptOptions) =>
      withServer(async ({ api }) => {
        const [{ adoptPlan }, { ask }] = await Promise.all([
          import('../plans/adopt-command.ts'),
          import('../client/ask.ts'),
        ])
        const confirm = process.stdin.isTTY === true && terminal.progress.isTerminal ? ask : null
        return adoptPlan({ api, terminal, confirm }, name, options)
      }),
    )
}

const both = () => Promise.all([import('./explain-command.ts'), import('./release-pipelines.ts')])

async function withoutServer(command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command()
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`)
    process.exitCode = 1
  }
}
