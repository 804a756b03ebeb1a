/** docs/reference/planted-bugs.md, made of the bugs and of what the last run of each found. */
import type { Mutant } from './mutant.ts'

/** What a run found of a bug that was caught. */
export interface Caught {
  /** Path of the test file, and the sentence of the test. */
  readonly test: string
  readonly sentence: string
  /** `2026-11-21` */
  readonly date: string
  /** Of the code it was planted in. */
  readonly commit: string
}

/** By the bug's name. */
export type Results = Readonly<Record<string, Caught>>

export function page(mutants: readonly Mutant[], results: Results): string {
  const caught = mutants.filter(({ name }) => results[name] !== undefined).length
  const rows = mutants.map(({ name, file, wrong }) => {
    const found = results[name]
    const by = found === undefined ? 'not run yet' : `${found.sentence} (\`${found.test}\`)`
    const cells = [`\`${name}\`: ${wrong}`, `\`${file}\``, by, found?.date ?? '', found?.commit ?? '']
    return `| ${cells.map(cell).join(' | ')} |`
  })
  return `${[
    '# Planted bugs',
    '',
    '<!-- Made by `npm run mutants`; a test holds that every bug is listed. -->',
    '',
    'Tests that pass say little as long as nobody knows what they would not notice. So bugs of the kind that this system',
    'could have are planted, one at a time, in a copy of the project, and the tests named with a bug must fail. The bugs are',
    'data in `infra/mutation/mutants/`; `npm run mutants` plants all of them, `npm run mutants -- --only <name>` one. A run',
    'fails where a bug survives, where the tests fail without it, or where the text it replaces is no longer there.',
    '',
    `${mutants.length} bugs, ${caught} caught. The test named is the first that failed. The bugs that the simulator must find`,
    'are planted by `infra/sim/planted.test.ts`.',
    '',
    '| bug | file | caught by | date | commit |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n')}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')
}
