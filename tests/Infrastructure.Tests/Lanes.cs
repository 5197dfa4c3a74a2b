using ChatCqrs.Infrastructure.Tests.Projecting;
using ChatCqrs.Infrastructure.Tests.Scheduling;
using ChatCqrs.Testing;

// Most tests wait most of the time: for a server to start, a lock, an interval. More run at once than there are cores.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
[assembly: TestCollectionOrderer("ChatCqrs.Infrastructure.Tests.Order", "ChatCqrs.Infrastructure.Tests")]

namespace ChatCqrs.Infrastructure.Tests;

public sealed class Order() : LongestFirst(
    nameof(RebuildTests), nameof(ExpiryTests), nameof(FillingTests), nameof(QueryCostTests), nameof(RunTests),
    nameof(RunnerTests), nameof(QueryTests), nameof(JobServerTests));
