/** All planted bugs, in the order of the page: along the way of a hit, then erasures and reruns. */
import type { Mutant } from '../mutant.ts'
import { ofAsking } from './asking.ts'
import { ofCollector } from './collector.ts'
import { ofErasures } from './erasures.ts'
import { ofLake } from './lake.ts'
import { ofReruns } from './reruns.ts'
import { ofSplits } from './splits.ts'
import { ofStream } from './stream.ts'
import { ofWindows } from './windows.ts'

export const mutants: readonly Mutant[] = [
  ...ofCollector,
  ...ofStream,
  ...ofWindows,
  ...ofLake,
  ...ofAsking,
  ...ofErasures,
  ...ofReruns,
  ...ofSplits,
]
