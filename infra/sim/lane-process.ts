/** A process that runs seeds for a batch: see lanes.ts. */
import { serveLane } from './lanes.ts'

serveLane()
