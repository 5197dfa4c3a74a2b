using ChatCqrs.Infrastructure.EventStoreDb.Protocol;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>The preferred role of the cluster member for calls.</summary>
internal enum NodePreference
{
    Leader,
    Follower,
    Random,
    ReadOnlyReplica,
}

internal static class NodePreferences
{
    /// <summary>A random member with the preferred role, else any usable one; null when none is usable.</summary>
    public static NodeAddress? Choose(this NodePreference preference, IEnumerable<MemberInfo> members)
    {
        var usable = members.Where(IsUsable).ToArray();
        Random.Shared.Shuffle(usable);
        return usable.OrderBy(member => member.State == Wanted(preference, member) ? 0 : 1)
            .Select(member => (NodeAddress?)AddressOf(member)).FirstOrDefault();
    }

    public static NodeAddress AddressOf(MemberInfo member) =>
        new(member.HttpEndPoint?.Address ?? "", (int)(member.HttpEndPoint?.Port ?? 0));

    private static bool IsUsable(MemberInfo member) =>
        member.IsAlive && member.HttpEndPoint is not null && member.State is
            MemberInfo.Types.VNodeState.Leader or MemberInfo.Types.VNodeState.Follower
            or MemberInfo.Types.VNodeState.ReadOnlyReplica or MemberInfo.Types.VNodeState.ReadOnlyLeaderless;

    private static MemberInfo.Types.VNodeState Wanted(NodePreference preference, MemberInfo member) => preference switch
    {
        NodePreference.Leader => MemberInfo.Types.VNodeState.Leader,
        NodePreference.Follower => MemberInfo.Types.VNodeState.Follower,
        NodePreference.ReadOnlyReplica => MemberInfo.Types.VNodeState.ReadOnlyReplica,
        _ => member.State,
    };
}
