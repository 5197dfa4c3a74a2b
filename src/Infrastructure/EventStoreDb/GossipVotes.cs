using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Grpc.Core;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>What a node says of its cluster.</summary>
/// <param name="Failure">Why it said nothing; null if it answered.</param>
internal sealed record GossipAnswer(NodeAddress From, IReadOnlyCollection<MemberInfo> Members, StatusCode? Failure)
{
    private int Alive => Members.Count(member => member.IsAlive);

    /// <summary>The leader that it names; null for none.</summary>
    public MemberInfo? Leader => Members.FirstOrDefault(member =>
        member is { IsAlive: true, HttpEndPoint: not null, State: MemberInfo.Types.VNodeState.Leader });

    /// <summary>
    /// Whether it sees a leader and most of the members alive. A node that is cut off from the others does not, though
    /// it may still think that it leads.
    /// </summary>
    public bool IsOfCluster => Leader is not null && HasMost(Alive);

    /// <summary>Whether a number of members is a majority.</summary>
    public bool HasMost(int members) => 2 * members > Members.Count;
}

/// <summary>
/// Chooses a node from what several say. The client's gossip has no epoch, so the leader whom most name is taken: a new
/// one is elected by a majority. A deposed leader that names itself is alone, or sees the others dead.
/// </summary>
/// <param name="wasLeft">Whether a node has recently failed a call.</param>
internal sealed class GossipVotes(NodePreference preference, Func<NodeAddress, bool> wasLeft)
{
    /// <summary>How long others are waited for after the first usable answer.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(500);

    private readonly List<GossipAnswer> _answers = [];

    /// <summary>Whether no further answer can change the choice: most of the members name one leader.</summary>
    public bool IsDecided => Leaders().Any(votes =>
        !wasLeft(votes.Key) && votes.Any(answer => answer.HasMost(votes.Count())));

    public void Add(GossipAnswer answer)
    {
        if (answer.Failure is null)
            _answers.Add(answer);
    }

    /// <returns>Null while nobody names a node that can be used.</returns>
    public NodeAddress? Choose()
    {
        var best = Leaders()
            .OrderBy(votes => wasLeft(votes.Key))
            .ThenByDescending(votes => votes.Any(answer => answer.IsOfCluster))
            .ThenByDescending(votes => votes.Count())
            .ThenByDescending(votes => votes.Max(answer => answer.Leader!.TimeStamp))
            .FirstOrDefault();
        if (preference == NodePreference.Leader)
            return best?.Key;
        var members = (best ?? _answers.AsEnumerable()).SelectMany(answer => answer.Members)
            .GroupBy(NodePreferences.AddressOf).Select(same => same.First());
        return preference.Choose(members.Where(member => !IsSilent(NodePreferences.AddressOf(member))));
    }

    private IEnumerable<IGrouping<NodeAddress, GossipAnswer>> Leaders() => _answers
        .Where(answer => answer.Leader is not null)
        .GroupBy(answer => NodePreferences.AddressOf(answer.Leader!))
        .Where(votes => !IsSilent(votes.Key));

    /// <summary>Whether a node has failed a call and does not answer now either, whatever others think of it.</summary>
    private bool IsSilent(NodeAddress address) => wasLeft(address) && _answers.All(answer => answer.From != address);
}
