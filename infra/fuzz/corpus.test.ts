/** What is in the corpus, found inputs among it, keeps every promise: a bug that was mended does not come back. */
import { describe, expect, it } from 'vitest'
import { corpusFileMaxBytes, corpusNames, readCorpus } from './corpus.ts'
import { inputOf } from './run-target.ts'
import { targets } from './targets.ts'

it('has a folder for each target, and no other', () => {
  expect(corpusNames()).toEqual(targets.map(({ name }) => name).sort())
})

describe.each(targets.map((target) => [target.name, target] as const))('the corpus of %s', (_, target) => {
  it('is there and small, and each input of it is accepted or refused as promised', async () => {
    const corpus = readCorpus(target)
    expect(corpus.length).toBeGreaterThan(0)
    const open = await target.open()
    const verdicts = new Set<string>()
    for (const { file, input } of corpus) {
      expect(input.length, file).toBeLessThanOrEqual(corpusFileMaxBytes)
      const verdict = await open.judge(input).catch((error: unknown) => error)
      expect(verdict, file).toBeTypeOf('string')
      verdicts.add(String(verdict))
      if (!file.startsWith('found-')) expect(verdict, `${file} is an example of what is right`).toBe('accepted')
    }
    await open.close()
    expect(verdicts).toContain('accepted')
  })
  it('is what equal seeds draw equal inputs of', () => {
    const corpus = readCorpus(target).map(({ input }) => input)
    const drawn = (seed: number) => Array.from({ length: 10 }, (_, i) => inputOf(target, { seed, corpus }, i))
    expect(drawn(3)).toEqual(drawn(3))
    expect(drawn(3)).not.toEqual(drawn(4))
  })
})
