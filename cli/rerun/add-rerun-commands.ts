/** The arguments of `hitlake rerun …` and `hitlake snapshots`. */
import { Argument, type Command, Option } from 'commander'
import { systemClock, systemTimers } from '../../core/adapters/node/system.ts'
import { generationSinks } from '../../core/generations.ts'
import { type RerunVerb, rerunVerbs } from '../../gateway/core/rerun-requests.ts'
import { ask } from '../client/ask.ts'
import { awake } from '../client/awake.ts'
import type { Connection } from '../client/connect.ts'
import { processTerminal as terminal } from '../client/terminal.ts'
import type { RerunContext, RerunOptions } from './rerun-command.ts'

export interface RerunCommandParts {
  readonly json: () => Option
  readonly whole: (least: number, most: number) => (text: string) => number
  /** Joins a command with its server, and ends the process with what it says. */
  readonly withServer: (command: (connection: Connection) => Promise<number>) => Promise<void>
  readonly help: string
}

const verbTexts: Readonly<Record<RerunVerb, string>> = {
  promote: 'let a rerun answer, at once; it can be rolled back until it is released',
  rollback: 'let what answered before it answer again, at once',
  release: 'keep it for good: what it replaces is made no more, and removed',
  pause: 'let it rest',
  resume: 'go on from where it was paused or failed',
  cancel: 'give it up, and remove what it has made',
}

const story = `
A rerun makes the past of a pipeline anew, by the plan of this release or another one, beside what answers. Live traffic
goes on, and nothing that is asked changes before it is promoted:

  hitlake diff hits                                what the new plan needs made anew
  hitlake snapshots hits                           where it can begin
  hitlake rerun hits --snapshot <id> --dry-run     what it would read, make and cost
  hitlake rerun hits --snapshot <id>               makes it, and shows old and new numbers
  hitlake rerun promote <n>                        lets it answer
  hitlake rerun rollback <n>                       lets what was before answer again, weeks later too
  hitlake rerun release <n>                        keeps it for good
`

export function addRerunCommands(program: Command, { json, whole, withServer, help }: RerunCommandParts): void {
  const rerun = program
    .command('rerun')
    .description("make a pipeline's past anew by another plan, compare, and let it answer or not")
    .enablePositionalOptions()
    .argument('[pipeline]', 'whose')
    .option('--snapshot <id>', 'of the table hits: what it begins from; latest: what is read now')
    .addOption(
      new Option('--sink <name...>', 'what to make anew (default: what the new plan needs, else all)').choices(
        generationSinks,
      ),
    )
    .option('--from <date>', 'first UTC day (default: the first there is)')
    .option('--to <date>', 'last UTC day (default: all, and all to come)')
    .option('--merchant <id>', 'of one merchant only')
    .option('--failed [reason]', 'only days and merchants with hits refused for this reason, or any')
    .addOption(
      new Option('--via <way>', 'how hours are made (default: by SQL where it can)').choices(['stream', 'sql']),
    )
    .addOption(
      new Option('--data-sets <which>', 'country and device as they were, or as they are found today').choices([
        'recorded',
        'today',
      ]),
    )
    .addOption(
      new Option('--zones <which>', "hours of each hit's zone, or of the merchant's present one").choices([
        'recorded',
        'today',
      ]),
    )
    .option('--plan <version>', "a kept plan (default: this release's)")
    .addOption(new Option('--promote <when>', 'auto: it answers as soon as it is ready').choices(['manual', 'auto']))
    .option('--by <text>', 'who asks, for people', 'hitlake rerun')
    .option('--dry-run', 'say what it would do, and record nothing')
    .option('--yes', 'do not ask whether it is meant')
    .option('--detach', 'record it and come back at once')
    .addOption(json())
    .addHelpText('after', `${story}${help} 1 also where it failed, was given up, or was not recorded.`)
    .action((pipeline: string | undefined, options: Partial<RerunOptions> & { readonly by: string }) => {
      const { snapshot } = options
      if (pipeline === undefined)
        return rerun.error('error: name a pipeline, such as hits, or one of list, show, diff, …')
      if (snapshot === undefined)
        return rerun.error('error: --snapshot <id> is needed; hitlake snapshots hits lists them')
      return withServer(async ({ api, server }) => {
        const { rerunPipeline } = await import('./rerun-command.ts')
        const confirm = process.stdin.isTTY === true && terminal.progress.isTerminal ? ask : null
        const context: RerunContext = { api, terminal, clock: systemClock, timers: awake, confirm, server }
        return rerunPipeline(context, pipeline, { ...options, snapshot })
      })
    })

  const number = new Argument('<number>', 'of the rerun').argParser(whole(1, 2 ** 53 - 1))
  const add = (name: string, description: string) => rerun.command(name).description(description).addOption(json())
  add('list', 'reruns, newest first')
    .option('--open', 'those that are not over')
    .action((options) => withServer(async ({ api }) => (await verbs()).listReruns({ api, terminal }, options)))
  add('show', 'how far one is, what it costs, and its history')
    .addArgument(number)
    .action((id: number, options) =>
      withServer(async ({ api }) => (await verbs()).showOne({ api, terminal }, id, options)),
    )
  add('diff', 'old and new numbers, by metric and merchant')
    .addArgument(number)
    .action((id: number, options) =>
      withServer(async ({ api }) => (await verbs()).diffOne({ api, terminal }, id, options)),
    )
  for (const verb of rerunVerbs) {
    add(verb, verbTexts[verb])
      .addArgument(number)
      .option('--by <text>', 'who asks, for people', `hitlake rerun ${verb}`)
      .option('--note <text>', 'kept with its history')
      .action((id: number, options) =>
        withServer(async ({ api }) => (await verbs()).moveOne({ api, terminal }, verb, id, options)),
      )
  }

  program
    .command('snapshots')
    .description('what can be read, and rerun from, again: hitlake lake snapshots')
    .argument('<table>', 'such as hits')
    .addOption(json())
    .action((table: string, options: { readonly json?: true }) =>
      withServer(async ({ api }) => {
        const { lakeSnapshots } = await import('../lake/lake-command.ts')
        const form = options.json === true ? 'json' : 'text'
        return lakeSnapshots({ api, terminal, clock: systemClock, timers: systemTimers, form }, table, 'snapshots')
      }),
    )
}

const verbs = () => import('./rerun-verbs.ts')
