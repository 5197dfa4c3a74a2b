// Two classes at a time, each of them in a collection of its own: the one that shares the running product begins, and those that start servers of their own
// run beside it. What holds a promise in seconds against a load follows alone (AloneCollection).
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerClass, MaxParallelThreads = 2)]
[assembly: TestCollectionOrderer("ChatCqrs.Acceptance.Server.LongestFirst", "ChatCqrs.Acceptance")]
