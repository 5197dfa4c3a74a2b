namespace ChatCqrs.Demo.Scenes;

/// <summary>A retry after a lost answer: the first result returns, and nothing is stored twice.</summary>
public sealed class Retrying : IScene
{
    public string Title => "Ada's client never saw the answer, and sends again";

    public async Task PlayAsync(Stage stage)
    {
        var (ada, ben) = (stage.Ada, stage.Ben);
        const string Text = "Yes, at ten.";
        stage.Narrator.Says(ada.Name, Text, "over the socket");
        var written = await ada.SayAsync(ben.Id, Text);
        stage.Written.Add(written);
        stage.Narrator.Sent(ada.Name, $"seq {written.Seq}");
        await ben.GetMessageAsync(written);
        stage.Narrator.Gets(ben.Name, Text, $"seq {written.Seq}");

        stage.Narrator.Says(ada.Name, Text, "again, with the same message_id, over the socket and by REST");
        if (await ada.SayAsync(ben.Id, Text, written.MessageId) != written)
            throw new NotSeenException("the first answer to the message that was sent again over the socket.");
        var again = new { message_id = written.MessageId, receiver_id = ben.Id, type = "text", text = Text };
        var answer = (await ada.PostAsync("/v1/messages", again)).Expect(200).Body;
        if (answer.GetProperty("seq").GetInt64() != written.Seq
            || answer.GetProperty("sent_at").GetString() != written.SentAt)
            throw new NotSeenException($"the first answer to the message that was sent again by REST: {answer}");
        stage.Narrator.Saw(ada.Name, $"gets the first answer both times: seq {written.Seq}, {written.SentAt}");

        (await ada.PostAsync("/v1/messages", again with { text = "No, at eleven." })).Expect(409, "message_id_reused");
        stage.Narrator.Saw(ada.Name, "is refused another text under that message_id: 409 message_id_reused");

        var copies = (await stage.MessagesAsync(ben))
            .Count(message => message.GetProperty("message_id").GetGuid() == written.MessageId);
        if (copies != 1)
            throw new NotSeenException($"one message in the conversation, but {copies}.");
        stage.Narrator.Saw(ben.Name, "has it once");
        await ben.ConfirmAsync("read", stage.Conversation, written.Seq);
        await ada.ReceiptAsync(ben, stage.Conversation, "read_seq", written.Seq);
        stage.Narrator.Read(ada.Name, $"up to seq {written.Seq}");
    }
}
