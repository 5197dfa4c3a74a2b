using System.Diagnostics;

namespace ChatCqrs.Demo.Scenes;

/// <summary>Both users are online: a message arrives at once.</summary>
public sealed class Answering : IScene
{
    public string Title => "Ben answers";

    public async Task PlayAsync(Stage stage)
    {
        var (ada, ben) = (stage.Ada, stage.Ben);
        const string Text = "Now I am. Coffee?";
        stage.Narrator.Says(ben.Name, Text, "in the same conversation");
        var started = Stopwatch.GetTimestamp();
        var written = await ben.SayAsync(ada.Id, Text);
        if (written.Conversation != stage.Conversation)
            throw new NotSeenException("one conversation of the two, whoever writes.");
        stage.Written.Add(written);
        stage.Narrator.Sent(ben.Name, $"seq {written.Seq}");

        await ada.GetMessageAsync(written);
        stage.Narrator.Gets(
            ada.Name, Text, $"seq {written.Seq}, after {Stopwatch.GetElapsedTime(started).TotalMilliseconds:0} ms");
        await ada.ConfirmAsync("read", stage.Conversation, written.Seq);
        await ben.ReceiptAsync(ada, stage.Conversation, "read_seq", written.Seq);
        await stage.ExpectStatusAsync(ben, written, "read");
        stage.Narrator.Read(ben.Name, "reading implies delivery");
    }
}
