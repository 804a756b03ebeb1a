import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { diffPlans } from '../../pipelines/plan/diff/diff-plans.ts'
import { changed } from '../../pipelines/plan/diff/diff-under-test.ts'
import { addClientCommands } from '../client-commands.ts'

const hits = hitsPipeline.plan
const changes = [
  changed(hits, 'govern', { code: 'x' }),
  changed(hits, 'write:failed_hits', { code: 'x' }),
  changed(hits, 'no-bots', { code: 'x' }),
  changed(hits, 'drop-repeats', { key: ['merchant', 'name'] }),
]

/** What a command is given, where there is such a command with such options. @throws CommanderError else */
function parsed(words: readonly string[]): unknown {
  const program = new Command()
  addClientCommands(program, {})
  let given: unknown
  for (const command of program.commands) {
    command.exitOverride().configureOutput({ writeErr: () => {} })
    command.action((...all: unknown[]) => {
      const [argument, options] = all
      given = { command: command.name(), argument, options }
    })
  }
  program.exitOverride().parse(words, { from: 'user' })
  return given
}

describe('a command that a difference prints', () => {
  const texts = changes.flatMap((plan) => diffPlans({ plan: hits }, { plan }).changes.map(({ next }) => next))
  const commands = [...new Set(texts.flatMap((text) => text.match(/hitlake [a-z -]+/g) ?? []))]

  it.each(commands)('%s is one that there is', (text) => {
    const [, ...words] = text.trim().replace(/ or$/, '').split(' ')
    expect(parsed(words)).toMatchObject({ command: words[0], argument: 'hits' })
  })

  it('is a rerun or an adoption', () => {
    expect(commands.length).toBeGreaterThanOrEqual(4)
    expect(parsed(['rerun', 'hits', '--snapshot', 'latest', '--sink', 'hits', '--sink', 'hourly'])).toMatchObject({
      options: { snapshot: 'latest', sink: ['hits', 'hourly'] },
    })
    expect(() => parsed(['rerun', 'hits', '--sinks', 'hits'])).toThrow()
    expect(() => parsed(['adopt'])).toThrow()
  })
})
