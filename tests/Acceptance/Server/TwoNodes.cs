namespace ChatCqrs.Acceptance.Server;

/// <summary>Two servers on one log, joined by a private Redis if it is installed.</summary>
public sealed class TwoNodes : IAsyncLifetime
{
    private RedisServer? _redis;
    private Deployment? _deployment;
    private ServerProcess? _one;
    private ServerProcess? _two;

    /// <summary>How often a node asks the log for changes; by default so seldom that announcements count.</summary>
    public string FollowEvery { get; init; } = "00:01:00";

    public ServerProcess One => _one!;

    public ServerProcess Two => _two!;

    public RedisServer Redis => _redis!;

    public async Task InitializeAsync()
    {
        if (Surroundings.Url is not null) return; // The tests are skipped.
        _deployment = await Deployment.CreateAsync();
        if (RedisServer.Missing is null)
        {
            _redis = await RedisServer.StartAsync();
            _deployment.Settings["ConnectionStrings__Redis"] = _redis.ConnectionString;
            _deployment.Settings["Presence__BeatEvery"] = "00:00:00.200";
            _deployment.Settings["Presence__NodeKept"] = "00:00:02";
        }
        _deployment.Settings["Live__FollowEvery"] = FollowEvery;
        _deployment.Settings["Push__AllowPrivateEndpoints"] = "true";
        _deployment.Settings["Push__MergeWindow"] = "00:00:00.500";
        _deployment.Settings["Push__LookAgainAfter"] = "00:00:03";
        _one = await ServerProcess.StartAsync(_deployment);
        _two = await ServerProcess.StartAsync(_deployment);
    }

    /// <summary>Starts the nodes that were killed.</summary>
    public async Task BothRunAsync()
    {
        if (_one is { IsRunning: false }) await _one.StartAsync();
        if (_two is { IsRunning: false }) await _two.StartAsync();
    }

    public async Task DisposeAsync()
    {
        if (_two is not null) await _two.DisposeAsync();
        if (_one is not null) await _one.DisposeAsync();
        if (_deployment is not null) await _deployment.DisposeAsync();
        if (_redis is not null) await _redis.DisposeAsync();
    }
}
