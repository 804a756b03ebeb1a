/** The fuzzer itself: it finds bugs that are planted in what it tests, and makes their inputs small. */
import { describe, expect, it } from 'vitest'
import { PoisonRecordError, UnreadablePlanError } from '../../core/errors.ts'
import { deepFreeze } from '../../pipelines/plan/canonical.ts'
import type { Plan } from '../../pipelines/plan/node/step.ts'
import { decodeCheckpoint } from '../../schemas/avro/checkpoint.ts'
import { decodeHitBatch, encodeHitBatch, peekBatch } from '../../schemas/avro/hit-batch.ts'
import { readCorpus } from './corpus.ts'
import { treeOf } from './json-tree.ts'
import { runTarget } from './run-target.ts'
import type { FuzzTarget } from './target.ts'
import { checkpointTarget, hitBatchTarget, singleObjectHeaderBytes, withChecksum } from './targets/avro-records.ts'
import { planTarget } from './targets/plan.ts'

function run(target: FuzzTarget, inputs: number) {
  const corpus = readCorpus(target).map(({ input }) => input)
  return runTarget(target, {
    ...{ seed: 1, corpus, now: () => 0, cpuSeconds: () => 0, minimiseLimits: { tries: 300, maxMs: 1 } },
    goesOn: (done) => done < inputs,
  })
}

describe('a planted bug is found', () => {
  it('where a checkpoint is read without a look at its checksum', async () => {
    const careless = checkpointTarget((object, bytes) => decodeCheckpoint(object, withChecksum(bytes.subarray(0, -4))))
    const { findings, failing } = await run(careless, 200)
    expect(failing).toBeGreaterThan(0)
    expect(findings[0]?.message).toContain('a checkpoint is read whose checksum is wrong')
  })

  it('where a batch of an unknown schema is read as if it were known', async () => {
    const header = encodeHitBatch(decodeHitBatch(readCorpus({ name: 'hit-batch' })[0]?.input ?? Buffer.alloc(0)))
    const decode = (bytes: Buffer) => {
      try {
        return decodeHitBatch(bytes)
      } catch (error) {
        if (!(error instanceof PoisonRecordError) || !error.reason.startsWith('its schema')) throw error
        const body = bytes.subarray(singleObjectHeaderBytes)
        return decodeHitBatch(Buffer.concat([header.subarray(0, singleObjectHeaderBytes), body]))
      }
    }
    const { findings } = await run(hitBatchTarget({ decode, peek: peekBatch }), 300)
    expect(findings[0]?.message).toContain('a batch is decoded that a peek refuses')
  })

  it('where a plan is taken as it stands, and its input becomes small', async () => {
    const unchecked = (text: string) => {
      if (treeOf(text)?.kind !== 'object') throw new UnreadablePlanError('', 'it is no plan')
      return deepFreeze(JSON.parse(text) as Plan)
    }
    const { findings } = await run(planTarget(unchecked), 400)
    expect(findings.length).toBeGreaterThan(1)
    expect(Math.min(...findings.map(({ input }) => input.length))).toBeLessThan(60)
  })

  it('and none where there is none', async () => {
    const { findings, accepted, refused } = await run(checkpointTarget(decodeCheckpoint), 400)
    expect(findings).toEqual([])
    expect(Math.min(accepted, refused)).toBeGreaterThan(20)
  })
})
