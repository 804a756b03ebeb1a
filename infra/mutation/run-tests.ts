/**
 * Runs test files of a copy of the project, one after the other, and says which test failed first. One Vitest for all of
 * them: what a bug does not touch is read and compiled once.
 */
import { join } from 'node:path'
import { createVitest, type TestModule } from 'vitest/node'

/** What is slow, on a machine that does other things too, has not failed yet. */
export const testMaxMs = 180_000
/** A bug may make a loop that never ends: a test file that takes longer is given up, and the run with it. */
export const testFileMaxMs = 900_000

export type Verdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly test: string; readonly sentence: string }
  /** No test failed, and not all ran: the bug breaks the file itself, which any test would see. */
  | { readonly kind: 'broken'; readonly why: string }

export interface TestRuns {
  /** Paths relative to the folder; ends with the first that does not pass. `named`: only tests whose sentence has it. */
  run(paths: readonly string[], named?: string): Promise<Verdict>
  /** The file, relative to the folder, is another now. */
  changed(file: string): void
  close(): Promise<void>
}

export async function openTestRuns(folder: string): Promise<TestRuns> {
  const vitest = await createVitest('test', {
    root: folder,
    watch: false,
    bail: 1,
    maxWorkers: 1,
    // No process has a module in it from before it was changed.
    isolate: true,
    silent: true,
    testTimeout: testMaxMs,
    hookTimeout: testMaxMs,
    reporters: [{}],
  })

  async function runOne(path: string): Promise<Verdict> {
    const file = join(folder, path)
    const all = await vitest.globTestSpecifications([file])
    // A filter takes every file that has it in its path.
    const specifications = all.filter(({ moduleId }) => moduleId === file)
    const run = vitest.runTestSpecifications(specifications)
    const { testModules } = await within(testFileMaxMs, run, path)
    // Those of earlier runs are told again.
    const own = testModules.find(({ moduleId }) => moduleId === file)
    return own === undefined ? { kind: 'broken', why: `${path} did not run` } : verdictOf(own, path)
  }

  return {
    async run(paths, named) {
      if (named === undefined) vitest.resetGlobalTestNamePattern()
      else vitest.setGlobalTestNamePattern(named)
      for (const path of paths) {
        const verdict = await runOne(path)
        if (verdict.kind !== 'passed') return verdict
      }
      return { kind: 'passed' }
    },
    changed: (file) => vitest.invalidateFile(join(folder, file)),
    close: () => vitest.close(),
  }
}

function verdictOf(of: TestModule, test: string): Verdict {
  for (const { fullName } of of.children.allTests('failed')) return { kind: 'failed', test, sentence: fullName }
  if (of.state() === 'passed') return { kind: 'passed' }
  return { kind: 'broken', why: of.errors()[0]?.message ?? `${test} is ${of.state()}` }
}

async function within<T>(limitMs: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} does not end`)), limitMs)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
