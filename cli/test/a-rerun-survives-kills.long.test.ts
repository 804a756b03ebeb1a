import { expect, it } from 'vitest'
import { rerunUnderKills } from './support/rerun-under-kills.ts'

const seed = Number(process.env.RERUN_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const killsWanted = Number(process.env.RERUN_TEST_KILLS ?? 30)

it(`${killsWanted} kills at random moments of reruns leave every number of one plan (seed ${seed})`, async () => {
  let kills = 0
  for (let round = 0; kills < killsWanted; round++) {
    kills += (await rerunUnderKills({ seed: seed + round, hits: 4_000, kills: 18 })).kills
  }
  expect(kills).toBeGreaterThanOrEqual(killsWanted)
}, 6_000_000)
