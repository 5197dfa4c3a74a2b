using ChatCqrs.Acceptance.TypeScript;
using ChatCqrs.Testing;

// Most specs wait most of the time, so more classes run at once than there are cores, the longest from the beginning.
// Specs with deadlines under load run alone at the end (AloneCollection).
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerClass, MaxParallelThreads = 4)]
[assembly: TestCollectionOrderer("ChatCqrs.Acceptance.Order", "ChatCqrs.Acceptance")]

namespace ChatCqrs.Acceptance;

public sealed class Order() : LongestFirst(
    nameof(RetentionSpecs), nameof(ErasureProofSpecs), nameof(TypeScriptContractSpecs), nameof(FirstClientSpecs),
    nameof(KeyRotationSpecs), nameof(PushSpecs), nameof(RestoreSpecs), nameof(MediaKilledSpecs), nameof(TwoNodesSpecs));
