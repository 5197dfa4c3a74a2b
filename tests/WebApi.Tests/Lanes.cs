using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Media;
using ChatCqrs.WebApi.Tests.OpenApi;
using ChatCqrs.WebApi.Tests.Push;
using ChatCqrs.WebApi.Tests.RateLimits;
using ChatCqrs.WebApi.Tests.Realtime;

// Most tests wait most of the time: for a server to start, a lock, an interval. More run at once than there are cores.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
[assembly: TestCollectionOrderer("ChatCqrs.WebApi.Tests.Order", "ChatCqrs.WebApi.Tests")]

namespace ChatCqrs.WebApi.Tests;

public sealed class Order() : LongestFirst(
    nameof(WakeUpTests), nameof(GenerationTests), nameof(WolverineTests), nameof(SlowServiceTests),
    nameof(AuthenticateTests), nameof(TusClientTests), nameof(DeviceLinkTests), nameof(LinkLimitTests),
    nameof(SocketLimitTests), nameof(GoodbyeTests), nameof(LintTests), nameof(AccountFrameTests));
