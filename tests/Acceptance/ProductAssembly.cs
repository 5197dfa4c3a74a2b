// Two collections run at a time. The specs on the shared product begin; classes with servers of their own run beside
// them. Specs with deadlines under load run alone at the end (AloneCollection).
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerClass, MaxParallelThreads = 2)]
[assembly: TestCollectionOrderer("ChatCqrs.Acceptance.Server.LongestFirst", "ChatCqrs.Acceptance")]
