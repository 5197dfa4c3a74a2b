using ChatCqrs.Verify.Formats;

namespace ChatCqrs.Verify.Log;

/// <summary>
/// Checks that the lists of each label follow one another: versions from 0 on without a gap, each entry naming the leaf
/// of the one before. Holds some 200 bytes a label.
/// </summary>
internal sealed class DeviceListChain
{
    private readonly Dictionary<string, (long Version, byte[] Leaf)> _labels = [];

    /// <summary>The labels so far.</summary>
    public int Labels => _labels.Count;

    /// <summary>The lists so far.</summary>
    public long Lists { get; private set; }

    /// <exception cref="FormatException">The list does not follow its label's last one.</exception>
    public void Add(LogEntry.DeviceList list, byte[] leaf)
    {
        var label = Convert.ToBase64String(list.Label);
        if (_labels.TryGetValue(label, out var last))
        {
            if (list.Version != last.Version + 1 || !list.Previous.AsSpan().SequenceEqual(last.Leaf))
                throw new FormatException($"version {list.Version} of a list does not follow version {last.Version}");
        }
        else if (list.Version != 0 || list.Previous.Any(part => part != 0))
        {
            throw new FormatException($"version {list.Version} of a list is the first one of its user");
        }

        _labels[label] = (list.Version, leaf);
        Lists++;
    }
}
