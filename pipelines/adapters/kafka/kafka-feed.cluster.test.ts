import { feedContract } from '../../../core/ports/feed.contract.ts'
import { kafkaGroupFeed } from './kafka-feed.ts'
import { topicUnderTest } from './topic-under-test.ts'

feedContract('the Kafka feed', async () => {
  const topic = await topicUnderTest()
  const { feed, close } = await kafkaGroupFeed(topic.options())
  return {
    feed,
    push: (partition, payload) => topic.push(partition, payload),
    trim: topic.trim,
    // It waits by the machine's clock.
    advance: () => {},
    readersPerPartition: 1,
    arrivesWithinMs: 1_500,
    async cleanup() {
      await close()
      await topic.cleanup()
    },
  }
})
